"""A cluster whose servers, network and etcd are a few lines each, driven through random faults, one tick after another.

Real are the decisions. An agent looks, decides, and acts some ticks later on what it saw then, as one does that was
frozen in between. Commits go to whatever server takes them, as by clients on both sides of a partition.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from postgresql_failover.decision import Act, Cluster, Leader, Position, Quorum, Server, Step, decide

LEASE, T1 = 8, 5
"""Ticks after which a lease ends that is not renewed, and after which a primary stops that cannot renew it."""

Decide = Callable[[str, Server, Cluster, float], Step]
Entry = tuple[int, int]
"""An entry of a log: the timeline on which it was written, and a number of its own."""


@dataclass
class Member:
    """A host with its server and its agent."""

    name: str
    log: list[Entry] = field(default_factory=list)
    timeline: int = 1
    running: bool = True
    primary: bool = False
    upstream: str = ""
    cut_off: int = 0
    term: int = 0
    confirmed_by: frozenset[str] = frozenset()
    alive: bool = True
    frozen_until: int = 0
    answered: int = 0
    seen: Cluster | None = None
    acts_at: int = 0

    @property
    def position(self) -> Position:
        return Position(max((timeline for timeline, _number in self.log), default=1), len(self.log))


class Broken(AssertionError):
    """A promise was broken."""


class Simulation:
    """Members, etcd and a network; ``tick`` lets one unit of time pass."""

    def __init__(self, hosts: int, confirmations: int, seed: int, decide: Decide = decide) -> None:
        self.random = random.Random(seed)  # noqa: S311  seeded chance, no secret
        self.decide = decide
        self.members = {name: Member(name) for name in "abcdefg"[:hosts]}
        self.confirmations = confirmations
        self.now = 0
        self.revision = 1
        self.timelines = 1
        self.cut: set[frozenset[str]] = set()
        self.leader: Leader | None = Leader("a", 1, ready=True)
        self.renewed = 0
        self.quorum = Quorum(1, "a", frozenset(self.members) - {"a"}, confirmations)
        self.positions: dict[str, tuple[int, Position, int]] = {}
        self.numbers = 0
        self.acknowledged: list[Entry] = []
        self.acknowledged_term = 1
        self.promotions = 0
        self.faults = True
        for member in self.members.values():
            member.upstream = "" if member.name == "a" else "a"
        first = self.members["a"]
        first.primary, first.term, first.confirmed_by = True, 1, self.quorum.standbys

    def tick(self) -> None:
        """Let faults happen, logs flow, agents look and act."""
        self.now += 1
        self._fault()
        if self.leader and self.now - self.renewed > LEASE:
            self.leader = None
        order = list(self.members.values())
        self.random.shuffle(order)
        for member in order:
            if not member.alive or self.now < member.frozen_until:
                continue
            self._receive(member)
            self._commit(member)
            self._agent(member)

    def heal(self) -> None:
        """End all faults."""
        self.cut.clear()
        for member in self.members.values():
            member.alive, member.frozen_until = True, 0

    def linked(self, one: str, other: str) -> bool:
        return frozenset({one, other}) not in self.cut

    def _fault(self) -> None:
        if not self.faults or self.random.random() > 0.08:
            return
        member = self.random.choice(list(self.members.values()))
        kind = self.random.choice(["process", "host", "boot", "freeze", "isolate", "link", "mend", "mend"])
        if kind in ("process", "host"):
            member.running = False
            member.alive = member.alive and kind == "process"
        elif kind == "boot":
            member.alive = True
        elif kind == "freeze":
            member.frozen_until = self.now + self.random.randint(1, 4 * LEASE)
        elif kind == "isolate":
            self.cut |= {frozenset({member.name, other}) for other in [*self.members, "etcd"] if other != member.name}
        elif kind == "link":
            self.cut.add(frozenset({member.name, self.random.choice([*self.members, "etcd"])}))
        else:
            self.cut.clear()

    def _receive(self, member: Member) -> None:
        source = self.members.get(member.upstream)
        if source is None or not member.running or member.primary or not self.linked(member.name, source.name):
            return
        if not (source.running and source.alive and source.primary and self.now >= source.frozen_until):
            return
        if source.log[: len(member.log)] == member.log:
            missing = source.log[len(member.log) :]
            member.log += missing[: self.random.randint(0, len(missing))]

    def _commit(self, member: Member) -> None:
        if not (member.running and member.primary):
            return
        if self.random.random() < 0.5:
            self.numbers += 1
            member.log.append((member.timeline, self.numbers))
        receiving = [
            other
            for other in self.members.values()
            if other.name in member.confirmed_by
            and other.upstream == member.name
            and other.running
            and not other.primary
            and other.alive
            and self.now >= other.frozen_until
            and self.linked(member.name, other.name)
        ]
        for number, entry in enumerate(member.log, 1):
            confirmed = [other for other in receiving if other.log[:number] == member.log[:number]]
            if entry not in self.acknowledged and len(confirmed) >= self.confirmations:
                self._acknowledge(member, entry)

    def _acknowledge(self, member: Member, entry: Entry) -> None:
        if member.term < self.acknowledged_term:
            raise Broken(f"tick {self.now}: {member.name} acknowledges in term {member.term} after a later one did")
        lost = [old for old in self.acknowledged if old not in member.log]
        if lost:
            raise Broken(f"tick {self.now}: {member.name} lacks {len(lost)} acknowledged commits")
        self.acknowledged_term = member.term
        self.acknowledged.append(entry)

    def _agent(self, member: Member) -> None:
        if member.seen is None:
            member.seen = self._look(member)
            member.acts_at = self.now + self.random.choice([0, 0, 0, 1, 2])
        if self.now >= member.acts_at:
            server = Server(member.running, member.primary, member.upstream, member.cut_off)
            seen, member.seen = member.seen, None
            self._act(member, self.decide(member.name, server, seen, T1), seen)

    def _look(self, member: Member) -> Cluster:
        if not self.linked(member.name, "etcd"):
            return Cluster(None, None, {}, silence=max(1, self.now - member.answered))
        member.answered = self.now
        if self.leader and self.leader.member == member.name:
            self.renewed = self.now
        if member.running and not member.primary and member.cut_off:
            self.positions[member.name] = (member.cut_off, member.position, self.now)
        fresh = {name: (term, at) for name, (term, at, seen) in self.positions.items() if self.now - seen <= LEASE}
        return Cluster(self.leader, self.quorum, fresh)

    def _act(self, member: Member, step: Step, seen: Cluster) -> None:
        leader = self.members.get(step.member)
        if step.act is Act.STOP:
            member.running = False
        elif step.act is Act.START:
            member.running = True
        elif step.act is Act.START_CUT_OFF:
            member.running, member.primary, member.upstream = True, False, ""
        elif step.act is Act.CUT_OFF and seen.quorum:
            member.upstream, member.cut_off = "", seen.quorum.term
        elif step.act is Act.LEAD:
            self._lead(member, seen)
        elif step.act is Act.PROMOTE and member.running and seen.leader:
            self.timelines += 1
            self.promotions += 1
            member.primary, member.timeline, member.upstream, member.cut_off = True, self.timelines, "", 0
            self._take_term(member, seen.leader.term)
        elif step.act is Act.ANNOUNCE and seen.leader:
            self._take_term(member, seen.leader.term)
            if self.linked(member.name, "etcd") and self.leader and self.leader.term == seen.leader.term:
                self.leader = Leader(member.name, self.leader.term, ready=True)
        elif step.act in (Act.FOLLOW, Act.REJOIN) and leader and leader.running and leader.primary:
            self._follow(member, leader)

    def _take_term(self, member: Member, term: int) -> None:
        member.term, member.confirmed_by = term, frozenset(self.members) - {member.name}

    def _lead(self, member: Member, seen: Cluster) -> None:
        free = self.leader is None and seen.quorum is not None and self.quorum.term == seen.quorum.term
        if free and self.linked(member.name, "etcd"):
            self.revision += 1
            self.leader, self.renewed = Leader(member.name, self.revision, ready=False), self.now
            standbys = frozenset(self.members) - {member.name}
            self.quorum = Quorum(self.revision, member.name, standbys, self.confirmations)

    def _follow(self, member: Member, leader: Member) -> None:
        if self.linked(member.name, leader.name):
            if leader.log[: len(member.log)] != member.log:
                member.log = list(leader.log)
            member.running, member.primary, member.upstream, member.cut_off = True, False, leader.name, 0
