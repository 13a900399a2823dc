"""NetworkPolicies, parsed. What cannot be enforced is refused by name, never skipped in silence.

A NetworkPolicy only ever allows. Leaving out a rule that is not understood therefore allows less: it fails closed.
A pod selector that is not understood selects every pod of the namespace, which isolates more.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from network_policy_agent.selectors import Selector, UnknownSelectorError, selector_of

PROTOCOLS = ("TCP", "UDP", "SCTP")
INGRESS, EGRESS = "Ingress", "Egress"
SPEC_FIELDS = ("podSelector", "policyTypes", "ingress", "egress")

Json = Mapping[str, Any]


class UnsupportedError(ValueError):
    """A part of a policy that this agent does not enforce."""


@dataclass(frozen=True)
class PortMatch:
    """Ports of one protocol: a range, a name to be looked up in the pod, or all (first and name both None)."""

    protocol: str
    first: int | None = None
    last: int | None = None
    name: str | None = None


@dataclass(frozen=True)
class Peer:
    """Who may talk: addresses, or pods of the selected namespaces (None: the policy's own namespace)."""

    networks: tuple[str, ...] = ()
    pods: Selector | None = None
    namespaces: Selector | None = None

    @property
    def by_address(self) -> bool:
        """Tell whether this is an ipBlock."""
        return self.pods is None


@dataclass(frozen=True)
class Rule:
    """Peers and ports that are allowed together; None means all."""

    peers: tuple[Peer, ...] | None
    ports: tuple[PortMatch, ...] | None


@dataclass(frozen=True)
class Policy:
    """One NetworkPolicy; `ingress` and `egress` are None where it does not isolate that direction."""

    namespace: str
    name: str
    uid: str
    pods: Selector
    ingress: tuple[Rule, ...] | None
    egress: tuple[Rule, ...] | None
    refusals: tuple[str, ...] = ()


def policy_of(item: Json) -> Policy:
    """Parse a NetworkPolicy of networking.k8s.io/v1."""
    metadata, spec = item["metadata"], item.get("spec") or {}
    refusals: list[str] = []
    types = set(spec.get("policyTypes") or _default_types(spec))
    refusals += [f"policy type {one!r}" for one in sorted(types - {INGRESS, EGRESS})]
    unknown = sorted(key for key in spec if key not in SPEC_FIELDS and spec[key] is not None)
    if unknown:
        refusals.append(f"field {unknown[0]!r}: the policy allows nothing")
        spec = {**spec, "ingress": None, "egress": None}
    try:
        pods = selector_of(spec.get("podSelector") or {})
    except UnknownSelectorError as error:
        pods = Selector()
        refusals.append(f"{error} in podSelector: every pod of the namespace is isolated")
    return Policy(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        pods=pods,
        ingress=_rules(spec.get("ingress"), "from", refusals) if INGRESS in types else None,
        egress=_rules(spec.get("egress"), "to", refusals) if EGRESS in types else None,
        refusals=tuple(refusals),
    )


def _default_types(spec: Json) -> set[str]:
    """Return the policy types of a policy that names none: ingress always, egress when it has such rules."""
    return {INGRESS, EGRESS} if spec.get("egress") else {INGRESS}


def _rules(items: Any, side: str, refusals: list[str]) -> tuple[Rule, ...]:
    rules = []
    for number, item in enumerate(items or []):
        try:
            rules.append(_rule(item or {}, side))
        except (UnsupportedError, UnknownSelectorError) as error:
            refusals.append(f"{error} in '{side}' rule {number + 1}: the rule allows nothing")
    return tuple(rules)


def _rule(item: Json, side: str) -> Rule:
    _only(item, {side, "ports"})
    peers, ports = item.get(side), item.get("ports")
    return Rule(
        peers=tuple(_peer(peer or {}) for peer in peers) if peers else None,
        ports=tuple(_port(port or {}) for port in ports) if ports else None,
    )


def _peer(item: Json) -> Peer:
    _only(item, {"podSelector", "namespaceSelector", "ipBlock"})
    if item.get("ipBlock") is not None:
        if len([key for key in item if item[key] is not None]) > 1:
            raise UnsupportedError("ipBlock together with a selector")
        return Peer(networks=block_networks(item["ipBlock"]))
    pods, namespaces = item.get("podSelector"), item.get("namespaceSelector")
    if pods is None and namespaces is None:
        raise UnsupportedError("a peer that names nobody")
    return Peer(pods=selector_of(pods or {}), namespaces=None if namespaces is None else selector_of(namespaces))


def block_networks(block: Json) -> tuple[str, ...]:
    """Return an ipBlock less its exceptions as disjoint networks; an IPv6 block is refused (pods have none)."""
    _only(block, {"cidr", "except"})
    try:
        remaining = [ipaddress.ip_network(block["cidr"], strict=False)]
        exceptions = [ipaddress.ip_network(one, strict=False) for one in block.get("except") or []]
    except (ValueError, KeyError) as error:
        raise UnsupportedError(f"ipBlock {dict(block)}") from error
    if remaining[0].version != 4:
        raise UnsupportedError(f"IPv6 ipBlock {block['cidr']}")
    networks = [one for one in remaining if isinstance(one, ipaddress.IPv4Network)]
    for exception in exceptions:
        if isinstance(exception, ipaddress.IPv4Network):
            networks = [part for one in networks for part in _without(one, exception)]
    return tuple(str(one) for one in sorted(networks))


def _without(network: ipaddress.IPv4Network, exception: ipaddress.IPv4Network) -> list[ipaddress.IPv4Network]:
    if not network.overlaps(exception):
        return [network]
    if network.subnet_of(exception):
        return []
    return list(network.address_exclude(exception))


def _port(item: Json) -> PortMatch:
    _only(item, {"protocol", "port", "endPort"})
    protocol, port, end = item.get("protocol") or "TCP", item.get("port"), item.get("endPort")
    if protocol not in PROTOCOLS:
        raise UnsupportedError(f"protocol {protocol!r}")
    if port is None:
        if end is not None:
            raise UnsupportedError("endPort without port")
        return PortMatch(protocol)
    if isinstance(port, str):
        if end is not None:
            raise UnsupportedError("endPort with a named port")
        return PortMatch(protocol, name=port)
    last = port if end is None else end
    if not 0 < port <= last <= 65535:
        raise UnsupportedError(f"ports {port}-{last}")
    return PortMatch(protocol, first=port, last=last)


def _only(item: Json, known: set[str]) -> None:
    """Raise when a field is set that is not known: a newer API may have added a restriction."""
    unknown = sorted(key for key in item if key not in known and item[key] is not None)
    if unknown:
        raise UnsupportedError(f"field {unknown[0]!r}")
