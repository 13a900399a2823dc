"""A cluster whose servers, network and etcd are a few lines each, driven through random faults, one tick after another.

Real are the agents and their decisions. An agent looks, and acts some ticks later on what it saw then, as one does that
was frozen in between. Commits go to whatever server takes them, as by clients on both sides of a partition.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from postgresql_failover.agent import Agent
from postgresql_failover.commands import ServerError
from postgresql_failover.decision import Cluster, Declared, Position, Quorum, Rule, Server, Step, decide
from postgresql_simulated_keys import ETCD, LEASE, T1, Client, Etcd, Network

FAULTS = "process", "host", "boot", "freeze", "isolate", "link", "mend", "stuck", "full", "well", "wish", "declare"

Decide = Callable[[Server, Cluster, Declared], Step]
Entry = tuple[int, int]
"""An entry of a log: the timeline on which it was written, and a number of its own."""


class Broken(AssertionError):
    """A promise was broken."""


@dataclass
class Member:
    """A host with its server, which the agent moves."""

    name: str
    cluster: Simulation
    log: list[Entry] = field(default_factory=list)
    timeline: int = 1
    running: bool = True
    primary: bool = False
    upstream: str = ""
    cut_off_from: int = 0
    rule: Rule | None = None
    settled: bool = False
    stuck: str = ""
    full: str = ""
    alive: bool = True
    frozen_until: int = 0
    enough_at: int = 0
    term: int = 1

    @property
    def awake(self) -> bool:
        return self.alive and self.cluster.network.now >= self.frozen_until

    def look(self) -> Server:
        relies = self.rule if self.settled else None
        standbys = [standby for standby in self.cluster.members.values() if standby.confirms_to(self)]
        streaming = frozenset(standby.name for standby in standbys if standby.log == self.log[: len(standby.log)])
        now = self.cluster.network.now
        if not self.primary or len(streaming) >= self.cluster.running[self.name].declared.confirmations:
            self.enough_at = now
        return Server(
            self.running,
            self.primary,
            self.upstream,
            self.cut_off_from,
            relies,
            self.stuck,
            self.full,
            streaming,
            now - self.enough_at,
            self.term,
        )

    def position(self) -> Position:
        return Position(max((timeline for timeline, _number in self.log), default=1), len(self.log))

    def stop(self) -> None:
        self.running = False

    def start(self) -> None:
        self.running = True

    def start_cut_off(self) -> None:
        self.running, self.primary, self.upstream = True, False, ""

    def cut_off(self, term: int) -> None:
        self.upstream, self.cut_off_from = "", term

    def promote(self, rule: Rule, term: int, timeline: int) -> None:
        assert timeline > max((at for at, _number in self.log), default=1)
        self.timeline, self.rule, self.term, self.settled = timeline, rule, term, False
        self.cluster.promotions += 1
        self.primary, self.upstream, self.cut_off_from = True, "", 0

    def rely(self, rule: Rule, term: int) -> None:
        self.rule, self.term = rule, term
        self.settled = self.confirmed(len(self.log), rule) >= rule.confirmations
        self.cluster.degraded += rule.confirmations < self.cluster.running[self.name].declared.confirmations

    def confirmed(self, length: int, rule: Rule) -> int:
        """How many of the rule's standbys have told that they have so much of a log; they are believed."""
        standbys = [self.cluster.members[name] for name in rule.standbys]
        return sum(len(standby.log) >= length for standby in standbys if standby.confirms_to(self))

    def hand_over(self, member: str) -> None:
        if not self.cluster.members[member].streams_from(self):
            raise ServerError(f"{member} does not receive")
        for standby in self.cluster.members.values():
            if standby.streams_from(self) and self.log[: len(standby.log)] == standby.log:
                standby.log = list(self.log)
        self.running = False

    def follow(self, member: str, term: int) -> None:
        self.upstream = ""
        leader = self.cluster.members[member]
        if not (leader.running and leader.primary and leader.awake and self.cluster.network.linked(self.name, member)):
            return
        if self.cluster.checks and leader.log[: len(self.log)] != self.log:
            self.log = list(leader.log)
        self.running, self.primary, self.upstream, self.cut_off_from, self.term = True, False, member, 0, term

    rejoin = follow

    def confirms_to(self, source: Member) -> bool:
        """Whether its word counts: it has the name of the source's term."""
        return self.streams_from(source) and self.term == source.term

    def streams_from(self, source: Member) -> bool:
        return (
            self.upstream == source.name
            and (self.running and not self.primary and self.awake)
            and (source.running and source.primary and source.awake)
            and self.cluster.network.linked(self.name, source.name)
        )


class Simulation:
    """Members, etcd and a network; ``tick`` lets one unit of time pass."""

    def __init__(
        self,
        hosts: int,
        confirmations: int,
        seed: int,
        decide: Decide = decide,
        degrade_after: float = 0.0,
        checks: bool = True,
    ) -> None:
        """``checks`` says that a standby looks whether its log is a part of the leader's before it follows."""
        self.checks = checks
        self.random = random.Random(seed)  # noqa: S311  seeded chance, no secret
        self.network = Network()
        self.confirmations = confirmations
        names = frozenset("abcdefg"[:hosts])
        rule = Rule(names - {"a"}, confirmations)
        self.etcd = Etcd(Quorum(1, "a", (rule,)))
        self.members = {name: Member(name, self, upstream="a") for name in sorted(names)}
        first = self.members["a"]
        first.primary, first.upstream, first.rule, first.settled = True, "", rule, True
        self.running = {
            name: Agent(
                Declared(name, names, confirmations, T1, degrade_after=degrade_after),
                Client(name, self.etcd, self.network),
                member,
                decide,
            )
            for name, member in self.members.items()
        }
        self.agents = {name: self._agent(agent) for name, agent in self.running.items()}
        self.faults = True
        self.promotions = self.degraded = 0
        self.acknowledged: list[Entry] = []
        self._numbers = 0
        self._last_timeline = 1

    def tick(self) -> None:
        """Let faults happen, logs flow, agents look and act."""
        self.network.now += 1
        if self.faults and self.random.random() < 0.08:
            self._fault(self.random.choice(list(self.members.values())))
        if self.etcd.leader and self.network.now - self.etcd.renewed > LEASE:
            self.etcd.leader = None
        order = list(self.members.values())
        self.random.shuffle(order)
        for member in order:
            if member.awake:
                self._receive(member)
                self._commit(member)
                next(self.agents[member.name])

    def heal(self) -> None:
        """End all faults."""
        self.faults = False
        self.network.cut.clear()
        for member in self.members.values():
            member.alive, member.frozen_until, member.stuck, member.full = True, 0, "", ""

    def _agent(self, agent: Agent) -> Iterator[None]:
        while True:
            seen = agent.look()
            for _tick in range(self.random.choice([0, 0, 0, 1, 2])):
                yield
            with contextlib.suppress(ServerError):
                agent.act(seen)
            yield

    def _fault(self, member: Member) -> None:
        others = [name for name in [*self.members, ETCD] if name != member.name]
        kind = self.random.choice([*FAULTS, "mend"])
        if kind in ("process", "host"):
            member.running = False
            member.alive = member.alive and kind == "process"
        elif kind == "boot":
            member.alive = True
        elif kind in ("stuck", "full", "well"):
            member.stuck, member.full = ("it hangs" if kind == "stuck" else ""), ("no room" if kind == "full" else "")
        elif kind == "wish":
            self.etcd.wish = self.random.choice([member.name, ""])
        elif kind == "declare":
            self._declare()
        elif kind == "freeze":
            member.frozen_until = self.network.now + self.random.randint(1, 4 * LEASE)
        elif kind == "isolate":
            self.network.cut |= {frozenset({member.name, other}) for other in others}
        elif kind == "link":
            self.network.cut.add(frozenset({member.name, self.random.choice(others)}))
        else:
            self.network.cut.clear()

    def _declare(self) -> None:
        """Change how many confirm, and leave a member out or not, in the declarations of all."""
        names = set(self.members)
        if self.random.random() < 0.5:
            names.discard(self.random.choice(sorted(names)))
        confirmations = self.random.randint(1, len(names) - 1)
        for name, agent in self.running.items():
            agent.declared = replace(agent.declared, members=frozenset(names | {name}), confirmations=confirmations)

    def _receive(self, member: Member) -> None:
        source = self.members.get(member.upstream)
        if source and member.streams_from(source) and source.log[: len(member.log)] == member.log:
            missing = source.log[len(member.log) :]
            member.log += missing[: self.random.randint(0, len(missing))]

    def _commit(self, member: Member) -> None:
        if not (member.running and member.primary):
            return
        if self.random.random() < 0.5:
            self._numbers += 1
            member.log.append((member.timeline, self._numbers))
        rule = member.rule
        for number, entry in enumerate(member.log, 1):
            if rule and entry not in self.acknowledged and member.confirmed(number, rule) >= rule.confirmations:
                self._acknowledge(member, entry)

    def _acknowledge(self, member: Member, entry: Entry) -> None:
        if member.timeline < self._last_timeline:
            raise Broken(f"tick {self.network.now}: {member.name} acknowledges after a later primary did")
        lost = [old for old in self.acknowledged if old not in member.log]
        if lost:
            raise Broken(f"tick {self.network.now}: {member.name} lacks {len(lost)} acknowledged commits")
        self._last_timeline = member.timeline
        self.acknowledged.append(entry)
