"""Security groups and anti-spoofing of one port, compiled into nftables for the guest's network namespace.

The guest has firewalls and translations of its own there (kube-proxy, CNI plugins), which stay untouched: the lab's two
tables look at packets as they are on the wire, on the way in before the guest's translations (after connection
tracking, before ``mangle``), on the way out after them (after ``srcnat``).

Packets in the direction in which a connection was opened are held against the rules every time, so that a removed rule
acts at once; the agent then also deletes the connection (``lab.drivers.network.flows``), which stops the answers.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.drivers.network.desired import Desired, Rule

TABLE = "ai_infn_lab_port"
PROTOCOLS = {
    "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "hopopt": 0, "icmp": 1, "icmpv6": 58, "igmp": 2, "ip": 0,
    "ipip": 4, "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-route": 43,
    "ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136, "vrrp": 112,
}  # fmt: skip
"""neutron's names of protocols."""
ICMP = {4: 1, 6: 58}
ZEROS = "0.0.0.0"  # noqa: S104 - an address in packets, none to listen on
WITH_PORTS = (6, 17, 33, 132, 136)
NEIGHBOURS = "nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert"


@dataclass(frozen=True)
class Opening:
    """A rule without references: who (networks; empty means everybody) may use which protocol and ports."""

    direction: str
    family: int
    protocol: int | None = None
    port_min: int | None = None
    port_max: int | None = None
    remotes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Policy:
    """All that is enforced on one port."""

    mac: str
    addresses: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...] = ()
    openings: tuple[Opening, ...] = ()
    secured: bool = True


def policy(desired: Desired, port: str, mac: str) -> Policy:
    """The policy of a port. One that neutron does not know may do nothing."""
    found = desired.ports.get(port)
    if found is None:
        return Policy(mac=mac, addresses=())
    if not found.secured:
        return Policy(mac=mac, addresses=found.addresses, secured=False)
    rules = [rule for group in found.groups for rule in desired.groups.get(group, ())]
    openings = (_opening(desired, rule) for rule in rules)
    return Policy(
        mac=found.mac,
        addresses=found.addresses,
        pairs=found.pairs,
        openings=tuple(dict.fromkeys(opening for opening in openings if opening is not None)),
    )


def compile_policy(wanted: Policy, device: str) -> str:
    """The nft script that replaces whatever is enforced on this interface, in one transaction."""
    head = []
    for family in ("inet", "netdev"):
        name = f"{family} {TABLE}_{device}"
        head += [f"table {name}", f"delete table {name}"]
    if not wanted.secured:
        return "\n".join(head) + "\n"
    return "\n".join([*head, *_groups(wanted, device), *_spoofing(wanted, device)]) + "\n"


def _groups(wanted: Policy, device: str) -> list[str]:
    lines = [f"table inet {TABLE}_{device} {{"]
    for direction, side, hook in (
        ("ingress", "iifname", "prerouting priority -160"),
        ("egress", "oifname", "postrouting priority 300"),
    ):
        lines += [
            f"  chain {direction} {{",
            f"    type filter hook {hook}; policy accept;",
            f'    {side} != "{device}" accept',
            "    ct direction reply ct state established accept",
            "    ct state related accept",
            f"    icmpv6 type {{ {NEIGHBOURS} }} accept",
            *(f"    {match} accept" for match in _matches(wanted.openings, direction)),
            "    counter drop",
            "  }",
        ]
    return [*lines, "}"]


def _matches(openings: Iterable[Opening], direction: str) -> list[str]:
    return [_match(opening) for opening in openings if opening.direction == direction]


def _match(opening: Opening) -> str:
    words = [f"meta nfproto ipv{opening.family}"]
    if opening.remotes:
        field = "saddr" if opening.direction == "ingress" else "daddr"
        header = "ip" if opening.family == 4 else "ip6"
        words.append(f"{header} {field} {_set(collapse(opening.remotes))}")
    if opening.protocol is not None:
        words.append(f"meta l4proto {opening.protocol}")
    if opening.protocol == ICMP[opening.family]:
        header = "icmp" if opening.family == 4 else "icmpv6"
        words += [f"{header} type {opening.port_min}"] if opening.port_min is not None else []
        words += [f"{header} code {opening.port_max}"] if opening.port_max is not None else []
    elif opening.port_min is not None and opening.protocol in WITH_PORTS:
        words.append(f"th dport {opening.port_min}-{opening.port_max}")
    return " ".join(words)


def _spoofing(wanted: Policy, device: str) -> list[str]:
    own = [(address, wanted.mac) for address in wanted.addresses]
    by_mac: dict[str, list[str]] = {wanted.mac: []}
    for address, mac in (*own, *wanted.pairs):
        by_mac.setdefault(mac, []).append(address)
    lines = [
        f"table netdev {TABLE}_{device} {{",
        "  chain spoofing {",
        f'    type filter hook egress device "{device}" priority 0; policy drop;',
    ]
    for mac, addresses in by_mac.items():
        four = collapse([address for address in addresses if ":" not in address])
        six = collapse([address for address in addresses if ":" in address])
        lines += [
            # An address of zeros asks whether somebody has the address (probe), or asks for one (DHCP).
            f"    ether saddr {mac} arp saddr ether {mac} arp saddr ip {_set([*four, ZEROS])} accept",
            f"    ether saddr {mac} ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept",
            f"    ether saddr {mac} ip6 saddr {_set([*six, link_local(mac), '::'])} accept",
        ]
        lines += [f"    ether saddr {mac} ip saddr {_set(four)} accept"] if four else []
    return [*lines, "    counter drop", "  }", "}"]


def collapse(networks: Iterable[str]) -> list[str]:
    """The same networks without overlaps, which nftables refuses in a set."""
    four = [ipaddress.IPv4Network(name, strict=False) for name in networks if ":" not in name]
    six = [ipaddress.IPv6Network(name, strict=False) for name in networks if ":" in name]
    return [str(network) for network in (*ipaddress.collapse_addresses(four), *ipaddress.collapse_addresses(six))]


def link_local(mac: str) -> str:
    """The link-local address that a kernel derives from a hardware address (RFC 4291, modified EUI-64)."""
    parts = [int(part, 16) for part in mac.split(":")]
    eui = [parts[0] ^ 2, *parts[1:3], 0xFF, 0xFE, *parts[3:]]
    return str(ipaddress.IPv6Address(bytes([0xFE, 0x80, *[0] * 6, *eui])))


def _opening(desired: Desired, rule: Rule) -> Opening | None:
    remotes: tuple[str, ...] = ()
    if rule.cidr is not None:
        everybody = rule.cidr.endswith("/0")
        remotes = () if everybody else (rule.cidr,)
    elif rule.group is not None:
        remotes = tuple(address for address in desired.members(rule.group) if (":" in address) == (rule.family == 6))
        if not remotes:
            return None
    return Opening(
        direction=rule.direction,
        family=rule.family,
        protocol=protocol_number(rule.protocol, rule.family),
        port_min=rule.port_min,
        port_max=rule.port_max if rule.port_max is not None else _same_port(rule),
        remotes=remotes,
    )


def _same_port(rule: Rule) -> int | None:
    return None if protocol_number(rule.protocol, rule.family) == ICMP[rule.family] else rule.port_min


def protocol_number(name: str | None, family: int) -> int | None:
    """A protocol's number; None means any. neutron lets IPv6 rules say icmp for ICMPv6."""
    if name is None or name == "any":
        return None
    number = int(name) if name.isdecimal() else PROTOCOLS[name]
    return 58 if (number, family) == (1, 6) else number


def _set(values: Sequence[str]) -> str:
    return "{ " + ", ".join(values) + " }"
