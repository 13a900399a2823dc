"""Compiles policies into what each local pod may do: pure, deterministic, without a word of nftables."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from network_policy_agent.attachments import Attachment
from network_policy_agent.objects import Labels, Pod
from network_policy_agent.policy import Peer, Policy, PortMatch, Rule

EVERYWHERE = "0.0.0.0/0"


@dataclass(frozen=True, order=True)
class Span:
    """Consecutive ports of one protocol; first 0 means all ports."""

    protocol: str
    first: int = 0
    last: int = 0


@dataclass(frozen=True)
class Allow:
    """Networks and ports that are allowed together; None means all."""

    networks: tuple[str, ...] | None
    ports: tuple[Span, ...] | None


Gate = tuple[Allow, ...]
"""Everything that an isolated pod may do in one direction; empty means nothing."""


@dataclass(frozen=True)
class Admission:
    """A local pod's address and its gates; None where no policy isolates that direction."""

    address: str
    ingress: Gate | None
    egress: Gate | None
    link: str | None = None
    """The node's end of the pod's link: what comes from it must have the pod's address."""


@dataclass(frozen=True)
class Cluster:
    """All that a ruleset depends on. Pods of this node carry the address that they really have."""

    pods: tuple[Pod, ...] = ()
    namespaces: tuple[tuple[str, Labels], ...] = ()
    policies: tuple[Policy, ...] = ()


def compile_node(cluster: Cluster, node: str) -> tuple[Admission, ...]:
    """Return the admissions of the node's pods, sorted by address."""
    peers = _Peers(cluster)
    compiled = [_Compiled(policy, peers) for policy in cluster.policies]
    by_namespace: dict[str, list[_Compiled]] = defaultdict(list)
    for one in compiled:
        by_namespace[one.policy.namespace].append(one)
    admissions = {}
    for pod in cluster.pods:
        if pod.node == node and pod.address:
            selecting = [one for one in by_namespace[pod.namespace] if one.policy.pods.matches(pod.labels)]
            admissions[pod.address] = _admission(pod, pod.address, selecting)
    return tuple(admissions[address] for address in sorted(admissions, key=ipaddress.IPv4Address))


def with_local_addresses(pods: Iterable[Pod], node: str, attached: Mapping[str, Attachment]) -> tuple[Pod, ...]:
    """Give the node's pods the addresses and links that the network plugin gave them (by uid).

    The plugin knows them before the first container starts, the API a second or two later. An address that the
    plugin gave to one pod is taken from any other local pod that the API still shows with it.
    """
    taken = {one.address for one in attached.values()}
    result = []
    for pod in pods:
        attachment = attached.get(pod.uid) if pod.node == node else None
        if attachment is not None:
            pod = replace(pod, address=attachment.address, link=attachment.link)
        elif pod.node == node and pod.address in taken:
            pod = replace(pod, address=None)
        result.append(pod)
    return tuple(result)


def _admission(pod: Pod, address: str, selecting: list[_Compiled]) -> Admission:
    ingress = [one for one in selecting if one.policy.ingress is not None]
    egress = [one for one in selecting if one.policy.egress is not None]
    return Admission(
        address=address,
        ingress=_gate(allow for one in ingress for allow in one.ingress_for(pod)) if ingress else None,
        egress=_gate(allow for one in egress for allow in one.egress()) if egress else None,
        link=pod.link,
    )


def _gate(allows: Iterable[Allow]) -> Gate:
    """Return the allows without repetition, in an order that depends on nothing but them."""
    unique = set(allows)
    if Allow(None, None) in unique:
        return (Allow(None, None),)
    return tuple(sorted(unique, key=lambda one: (one.networks or (), one.ports or ())))


class _Peers:
    """Looks up the pods that a peer selects."""

    def __init__(self, cluster: Cluster) -> None:
        self._namespaces = dict(cluster.namespaces)
        self._by_namespace: dict[str, list[Pod]] = defaultdict(list)
        for pod in cluster.pods:
            if pod.address:
                self._by_namespace[pod.namespace].append(pod)

    def all(self) -> list[Pod]:
        return [pod for pods in self._by_namespace.values() for pod in pods]

    def selected(self, peer: Peer, own_namespace: str) -> list[Pod]:
        if peer.pods is None:
            return []
        if peer.namespaces is None:
            names = [own_namespace]
        else:
            names = [name for name, labels in self._namespaces.items() if peer.namespaces.matches(labels)]
        return [pod for name in names for pod in self._by_namespace.get(name, ()) if peer.pods.matches(pod.labels)]


class _Compiled:
    """A policy whose peers are resolved once, for all the pods that it selects."""

    def __init__(self, policy: Policy, peers: _Peers) -> None:
        self.policy = policy
        self._peers = peers
        self._egress: list[Allow] | None = None
        self._ingress: list[tuple[tuple[str, ...] | None, Rule]] | None = None

    def ingress_for(self, pod: Pod) -> list[Allow]:
        """Return what may reach the pod; named ports are the pod's own."""
        if self._ingress is None:
            self._ingress = [(self._networks(rule), rule) for rule in self.policy.ingress or ()]
        return [
            allow
            for networks, rule in self._ingress
            for allow in _allows(networks, None if rule.ports is None else _spans(rule.ports, pod))
        ]

    def egress(self) -> list[Allow]:
        """Return what the selected pods may reach; named ports are each peer's own."""
        if self._egress is None:
            self._egress = [allow for rule in self.policy.egress or () for allow in self._egress_of(rule)]
        return self._egress

    def _networks(self, rule: Rule) -> tuple[str, ...] | None:
        if rule.peers is None:
            return None
        networks = {network for peer in rule.peers for network in peer.networks}
        return collapsed(frozenset(networks | {str(pod.address) for pod in self._pods(rule)}))

    def _pods(self, rule: Rule) -> list[Pod]:
        if rule.peers is None:
            return self._peers.all()
        return [pod for peer in rule.peers for pod in self._peers.selected(peer, self.policy.namespace)]

    def _egress_of(self, rule: Rule) -> Iterable[Allow]:
        if rule.ports is None:
            yield from _allows(self._networks(rule), None)
            return
        yield from _allows(self._networks(rule), _spans([port for port in rule.ports if port.name is None], None))
        named = [port for port in rule.ports if port.name is not None]
        holders: dict[Span, set[str]] = defaultdict(set)
        for pod in self._pods(rule) if named else ():
            for span in _spans(named, pod):
                holders[span].add(str(pod.address))
        for span, addresses in holders.items():
            yield Allow(collapsed(frozenset(addresses)), (span,))


def _allows(networks: tuple[str, ...] | None, ports: tuple[Span, ...] | None) -> list[Allow]:
    """Return one allow, or none when there is nobody or no port to allow."""
    return [] if networks == () or ports == () else [Allow(networks, ports)]


def _spans(ports: Iterable[PortMatch], pod: Pod | None) -> tuple[Span, ...]:
    spans: set[Span] = set()
    for port in ports:
        if port.name is None:
            spans.add(Span(port.protocol, port.first or 0, port.last or 0))
        elif pod is not None:
            spans |= {
                Span(named.protocol, named.number, named.number)
                for named in pod.ports
                if (named.name, named.protocol) == (port.name, port.protocol)
            }
    return tuple(sorted(spans))


@lru_cache(maxsize=4096)
def collapsed(networks: frozenset[str]) -> tuple[str, ...] | None:
    """Return the smallest list of disjoint networks that covers the given ones; None when it is everywhere."""
    parsed = ipaddress.collapse_addresses(ipaddress.IPv4Network(network) for network in networks)
    result = tuple(str(network) for network in parsed)
    return None if result == (EVERYWHERE,) else result
