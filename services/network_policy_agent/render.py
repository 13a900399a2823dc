"""Renders admissions as one nftables transaction.

How packets meet the rules
- Everything that enters or leaves through a pod interface (the bridge of the node's pods) passes `from_pod` or
  `to_pod`. An address that is not admitted is dropped, so is everything that is not IPv4: no pod has another address.
- Every packet is judged, not only the first of a connection: what a changed policy forbids stops at once. A reply
  is judged by the rule that let the request pass, with the two ends exchanged.
- The forward hook is behind DNAT: rules see the pods behind a service, as NetworkPolicy wants it.
- The node may always talk to its own pods (probes of the kubelet). A pod may talk to its node as its policies say.
- A pod's link gives only packets and ARP with the pod's own address; frames that are neither IPv4 nor ARP would pass
  by the inet hooks and are dropped. What comes from a link that is not known is marked, and admitted nowhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from network_policy_agent.compiler import Admission, Allow, Gate, Span
from network_policy_agent.objects import POD_LINKS

TABLE = "ai_infn_network_policy"
COUNTERS = ("unadmitted", "blocked_destination", "denied_ingress", "denied_egress")
FOREIGN = "0x00080000"
"""Mark of packets from a link that belongs to no admitted pod (kube-proxy and the kubelet use other bits)."""
DROP_INGRESS = "counter name denied_ingress drop"
DROP_EGRESS = "counter name denied_egress drop"


@dataclass(frozen=True)
class Options:
    """What the site decides: the interfaces of pods, and destinations that no pod may ever reach."""

    interfaces: tuple[str, ...] = ("cni0",)
    blocked_destinations: tuple[str, ...] = ("169.254.169.254/32",)


def render(admissions: Iterable[Admission], options: Options) -> str:
    """Return a transaction for `nft -f` that replaces the whole table by the rules of these admissions."""
    body = _Body()
    admitted = tuple(admissions)
    for one in admitted:
        body.add(one)
    addresses = tuple(one.address for one in admitted)
    lines = [
        *_fresh("inet"),
        f"table inet {TABLE} {{",
        *(f"\tcounter {name} {{\n\t}}" for name in COUNTERS),
        *_set("admitted", "ipv4_addr", addresses),
        *_set("itself", "ipv4_addr . ipv4_addr", tuple(f"{one} . {one}" for one in addresses)),
        *_set("blocked", "ipv4_addr", options.blocked_destinations, interval=True),
        *body.lines(),
        *_hooks(options),
        "}",
        *_bridge(admitted),
    ]
    return "\n".join(lines) + "\n"


def _fresh(family: str) -> list[str]:
    return [f"add table {family} {TABLE}", f"delete table {family} {TABLE}"]


class _Body:
    """Collects the named sets, gates and maps; equal ones exist once, under a name made from their content."""

    def __init__(self) -> None:
        self._sets: dict[str, list[str]] = {}
        self._chains: dict[str, list[str]] = {}
        self._maps: dict[str, list[str]] = {"ingress": [], "ingress_reply": [], "egress": [], "egress_reply": []}

    def add(self, admission: Admission) -> None:
        """Add the gates of one pod."""
        if admission.ingress is not None:
            self._gate("ingress", admission, admission.ingress, "saddr", "daddr", DROP_INGRESS)
        if admission.egress is not None:
            self._gate("egress", admission, admission.egress, "daddr", "saddr", DROP_EGRESS)

    def lines(self) -> list[str]:
        """Return the definitions in the order in which nft wants them: sets, chains, maps that jump to them."""
        maps = [line for name in self._maps for line in _map(name, self._maps[name])]
        chains = [line for name in sorted(self._chains) for line in self._chains[name]]
        return [*(line for name in sorted(self._sets) for line in self._sets[name]), *chains, *maps]

    def _gate(self, direction: str, admission: Admission, gate: Gate, peer: str, reply_peer: str, drop: str) -> None:
        name = f"{direction}_{_digest(gate)}"
        if name not in self._chains:
            self._chains[name] = _chain(name, self._matches(gate, peer, "dport"), drop)
            self._chains[f"{name}_reply"] = _chain(f"{name}_reply", self._matches(gate, reply_peer, "sport"), drop)
        self._maps[direction].append(f"{admission.address} : goto {name}")
        self._maps[f"{direction}_reply"].append(f"{admission.address} : goto {name}_reply")

    def _matches(self, gate: Gate, peer: str, port: str) -> Iterable[str]:
        for allow in gate:
            address = f"ip {peer} @{self._networks(allow)} " if allow.networks is not None else ""
            for match in _ports(allow.ports, port):
                yield f"{address}{match}return"

    def _networks(self, allow: Allow) -> str:
        networks = allow.networks or ()
        name = f"networks_{_digest(networks)}"
        if name not in self._sets:
            self._sets[name] = _set(name, "ipv4_addr", networks, interval=any("/" in one for one in networks))
        return name


def _ports(ports: tuple[Span, ...] | None, side: str) -> list[str]:
    """Return the matches of ports: one for each protocol."""
    if ports is None:
        return [""]
    matches = []
    for protocol in sorted({span.protocol for span in ports}):
        spans = [span for span in ports if span.protocol == protocol]
        if any(span.first == 0 for span in spans):
            matches.append(f"meta l4proto {protocol.lower()} ")
        else:
            numbers = ", ".join(_merged(spans))
            matches.append(f"{protocol.lower()} {side} {{ {numbers} }} ")
    return matches


def _merged(spans: Iterable[Span]) -> list[str]:
    """Return disjoint ranges: nft refuses overlapping ones."""
    merged: list[list[int]] = []
    for span in sorted(spans):
        if merged and span.first <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], span.last)
        else:
            merged.append([span.first, span.last])
    return [str(first) if first == last else f"{first}-{last}" for first, last in merged]


def _chain(name: str, matches: Iterable[str], last: str) -> list[str]:
    return [f"\tchain {name} {{", *(f"\t\t{match}" for match in matches), f"\t\t{last}", "\t}"]


def _set(name: str, kind: str, elements: Iterable[str], interval: bool = False) -> list[str]:
    content = ", ".join(elements)
    return [
        f"\tset {name} {{",
        f"\t\ttype {kind}",
        *(["\t\tflags interval"] if interval else []),
        *([f"\t\telements = {{ {content} }}"] if content else []),
        "\t}",
    ]


def _map(name: str, elements: list[str]) -> list[str]:
    content = [f"\t\telements = {{ {', '.join(elements)} }}"] if elements else []
    return [f"\tmap {name} {{", "\t\ttype ipv4_addr : verdict", *content, "\t}"]


def _digest(content: object) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


def _hooks(options: Options) -> list[str]:
    pods = _names(options.interfaces)
    return f"""\
	chain from_pod {{
		meta nfproto != ipv4 counter name unadmitted drop
		meta mark & {FOREIGN} != 0 counter name unadmitted drop
		ip saddr != @admitted counter name unadmitted drop
		ip daddr @blocked counter name blocked_destination drop
		ip saddr . ip daddr @itself return
		ct state related meta l4proto icmp return
		ct direction reply goto reply_from_pod
		ip saddr vmap @egress
	}}
	chain reply_from_pod {{
		ip saddr vmap @ingress_reply
	}}
	chain to_pod {{
		meta nfproto != ipv4 counter name unadmitted drop
		ip daddr != @admitted counter name unadmitted drop
		ip saddr . ip daddr @itself return
		ct state related meta l4proto icmp return
		ct direction reply goto reply_to_pod
		ip daddr vmap @ingress
	}}
	chain reply_to_pod {{
		ip daddr vmap @egress_reply
	}}
	chain pod_to_node {{
		meta nfproto != ipv4 counter name unadmitted drop
		ip daddr @blocked counter name blocked_destination drop
		ct direction reply return
		meta mark & {FOREIGN} != 0 counter name unadmitted drop
		ip saddr != @admitted counter name unadmitted drop
		ct state related meta l4proto icmp return
		ip saddr vmap @egress
	}}
	chain forward {{
		type filter hook forward priority filter; policy accept;
		iifname {pods} jump from_pod
		oifname {pods} jump to_pod
	}}
	chain input {{
		type filter hook input priority filter; policy accept;
		iifname {pods} jump pod_to_node
	}}
	chain output {{
		type filter hook output priority filter; policy accept;
		oifname {pods} ct direction reply jump reply_to_pod
	}}""".splitlines()


def _bridge(admissions: Iterable[Admission]) -> list[str]:
    # Told by the names of its ports: `meta ibrname` needs a kernel option that not every kernel has.
    owned = [one for one in admissions if one.link]
    unlinked = [one.address for one in admissions if not one.link]
    return [
        *_fresh("bridge"),
        f"table bridge {TABLE} {{",
        "\tcounter spoofed {\n\t}",
        *_set("owners", "ifname . ipv4_addr", [f'"{one.link}" . {one.address}' for one in owned]),
        *_set("links", "ifname", [f'"{one.link}"' for one in owned]),
        *_set("unlinked", "ipv4_addr", unlinked),
        f"""\
	chain prerouting {{
		type filter hook prerouting priority -300; policy accept;
		iifname != "{POD_LINKS}*" accept
		ether type != {{ ip, arp }} drop
		iifname . ip saddr @owners accept
		iifname . arp saddr ip @owners accept
		iifname @links counter name spoofed drop
		ip saddr @unlinked accept
		meta mark set meta mark | {FOREIGN}
	}}
}}""",
    ]


def _names(interfaces: Iterable[str]) -> str:
    return "{ " + ", ".join(f'"{interface}"' for interface in interfaces) + " }"
