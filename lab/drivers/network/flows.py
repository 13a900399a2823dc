"""Connections that a removed rule had admitted: found in a guest's connection tracking by the rules as they are now."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lab.drivers.network.rules import ICMP, PROTOCOLS, WITH_PORTS, Opening, Policy

PAIR = re.compile(r"(src|dst|sport|dport|type|code|id)=(\S+)")


@dataclass(frozen=True)
class Flow:
    """One connection: its packets on the wire in the direction in which it was opened, and how to delete it."""

    direction: str
    family: int
    protocol: int
    remote: str
    port: int | None
    icmp: tuple[int, int] | None
    deletion: tuple[str, ...]


def parse(listing: str, addresses: Iterable[str], elsewhere: Iterable[str] = ()) -> Iterator[Flow]:
    """Read what ``conntrack -L`` printed; only connections that pass the port with these addresses are of interest.

    ``elsewhere`` are networks that the guest reaches by other interfaces (its pods): they never pass the port.
    """
    own, inner = set(addresses), tuple(elsewhere)
    for line in listing.splitlines():
        flow = _flow(line, own)
        if flow is not None and not any(_inside(flow.remote, network) for network in inner):
            yield flow


def condemned(wanted: Policy, listing: str, elsewhere: Iterable[str] = ()) -> list[Flow]:
    """The connections that the port's present rules would not admit."""
    if not wanted.secured:
        return []
    return [flow for flow in parse(listing, wanted.addresses, elsewhere) if not admits(wanted.openings, flow)]


def admits(openings: Iterable[Opening], flow: Flow) -> bool:
    """Whether some rule lets the connection's first packet pass."""
    return any(_admits(opening, flow) for opening in openings)


def _admits(opening: Opening, flow: Flow) -> bool:
    if (opening.direction, opening.family) != (flow.direction, flow.family):
        return False
    if opening.protocol is not None and opening.protocol != flow.protocol:
        return False
    if opening.remotes and not any(_inside(flow.remote, network) for network in opening.remotes):
        return False
    if opening.protocol == ICMP[flow.family]:
        wanted = (opening.port_min, opening.port_max)
        return all(want is None or want == have for want, have in zip(wanted, flow.icmp or wanted, strict=True))
    if opening.port_min is None or opening.protocol not in WITH_PORTS or flow.port is None:
        return True
    return opening.port_min <= flow.port <= (opening.port_max or opening.port_min)


def _flow(line: str, own: set[str]) -> Flow | None:
    words = line.split()
    pairs = PAIR.findall(line)
    if len(words) < 3 or len(pairs) < 4:
        return None
    second = next(index for index, pair in enumerate(pairs) if index and pair[0] == "src")
    there, back = dict(pairs[:second]), dict(pairs[second:])
    # On the wire, translations of the guest are undone on the way in and done on the way out.
    if there["dst"] in own and there["src"] not in own:
        direction, remote, port = "ingress", there["src"], there.get("dport")
    elif back["dst"] in own and back["src"] not in own:
        direction, remote, port = "egress", back["src"], back.get("sport")
    else:
        return None
    protocol = int(words[1]) if words[1].isdecimal() else PROTOCOLS[words[0]]
    icmp = (int(there["type"]), int(there.get("code", 0))) if "type" in there else None
    return Flow(
        direction=direction,
        family=6 if ":" in remote else 4,
        protocol=protocol,
        remote=remote,
        port=int(port) if port else None,
        icmp=icmp,
        deletion=_deletion(words[0], there),
    )


def _deletion(protocol: str, there: dict[str, str]) -> tuple[str, ...]:
    names = {
        "src": "--orig-src", "dst": "--orig-dst", "sport": "--sport", "dport": "--dport",
        "type": "--icmp-type", "code": "--icmp-code", "id": "--icmp-id",
    }  # fmt: skip
    selected = [word for key, value in there.items() for word in (names[key], value)]
    family = ["--family", "ipv6"] if ":" in there["src"] else []
    return ("conntrack", "--delete", *family, "--proto", protocol, *selected)


def _inside(address: str, network: str) -> bool:
    parsed = ipaddress.ip_network(network, strict=False)
    return ipaddress.ip_address(address) in parsed
