"""The network and etcd of a simulated cluster, in a few lines each."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from postgresql_failover.decision import Cluster, Leader, Quorum, Told

LEASE, T1 = 8, 5
"""Ticks after which a lease ends that is not renewed, and after which a primary stops that cannot renew it."""
ETCD = "etcd"


class Network:
    """Who reaches whom, and what time it is."""

    def __init__(self) -> None:
        self.now = 0
        self.cut: set[frozenset[str]] = set()

    def linked(self, one: str, other: str) -> bool:
        return frozenset({one, other}) not in self.cut


class Etcd:
    """The keys of the cluster."""

    def __init__(self, quorum: Quorum) -> None:
        self.leader: Leader | None = Leader(quorum.primary, quorum.term, ready=True)
        self.quorum = quorum
        self.renewed = 0
        self.timeline = 1
        self.wish = ""
        self.told: dict[str, tuple[Told, int]] = {}


class Client:
    """A member's access to the keys."""

    def __init__(self, member: str, etcd: Etcd, network: Network) -> None:
        self._member, self._etcd, self._network = member, etcd, network
        self._answered = 0
        self._seen: Quorum | None = None

    @property
    def _reached(self) -> bool:
        return self._network.linked(self._member, ETCD)

    def look(self) -> Cluster:
        now, etcd = self._network.now, self._etcd
        if not self._reached:
            return Cluster(None, None, {}, silence=max(1, now - self._answered))
        self._answered = now
        if self._leads:
            etcd.renewed = now
        if self._member in etcd.told:
            etcd.told[self._member] = (etcd.told[self._member][0], now)
        etcd.told = {name: (told, at) for name, (told, at) in etcd.told.items() if now - at <= LEASE}
        told = {name: one for name, (one, _at) in etcd.told.items()}
        self._seen = etcd.quorum
        return Cluster(etcd.leader, etcd.quorum, told, wish=etcd.wish)

    def lead(self, quorum: Quorum) -> bool:
        free = self._reached and self._etcd.leader is None and self._etcd.quorum == self._seen
        if free:
            self._etcd.leader, self._etcd.quorum = Leader(self._member, quorum.term, ready=False), quorum
            self._etcd.renewed = self._network.now
        return free

    def announce(self, term: int) -> bool:
        leads = self._reached and self._etcd.leader == Leader(self._member, term, ready=False)
        if leads:
            self._etcd.leader = Leader(self._member, term, ready=True)
        return leads

    def change(self, quorum: Quorum) -> bool:
        unchanged = self._leads and self._etcd.quorum == self._seen
        if unchanged:
            self._etcd.quorum = quorum
        return unchanged

    def reserve(self, timeline: int) -> int:
        if not self._leads:
            return 0
        self._etcd.timeline = max(timeline, self._etcd.timeline + 1)
        return self._etcd.timeline

    def tell(self, told: Told) -> bool:
        if self._reached:
            self._etcd.told[self._member] = (told, self._network.now)
        return self._reached

    def resign(self) -> None:
        if self._leads:
            self._etcd.leader = None

    def renewing(self) -> AbstractContextManager[None]:
        return nullcontext()

    @property
    def _leads(self) -> bool:
        leader = self._etcd.leader
        return self._reached and leader is not None and leader.member == self._member
