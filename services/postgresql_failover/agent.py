"""The loop on each database host: look at the server and at etcd, decide, carry out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

from postgresql_failover.decision import Act, Cluster, Declared, Position, Quorum, Rule, Server, Step, Told, decide

log = logging.getLogger(__name__)


class Store(Protocol):
    """The cluster's keys; ``postgresql_failover.store`` has them in etcd."""

    def look(self) -> Cluster:
        """Renew this member's lease and return what is there."""

    def lead(self, quorum: Quorum) -> bool:
        """Take the lease for a new term."""

    def announce(self, term: int) -> bool:
        """Let others follow this member."""

    def change(self, quorum: Quorum) -> bool:
        """Replace what candidates need, while this member leads."""

    def reserve(self, timeline: int) -> int:
        """Return a timeline that nobody had, at least this one, while this member leads; 0 if that failed."""

    def tell(self, told: Told) -> bool:
        """Say what this member is; whether that was heard."""

    def resign(self) -> None:
        """Give the lease back."""

    def renewing(self) -> AbstractContextManager[None]:
        """Keep the lease while the body takes its time."""


class Local(Protocol):
    """The server of this host. Whatever these do must be on disk when they return."""

    def look(self) -> Server:
        """Return what the server is."""

    def position(self) -> Position:
        """Return how far its log is on disk."""

    def stop(self) -> None:
        """End it at once; nothing is acknowledged afterwards."""

    def hand_over(self, member: str) -> None:
        """End it in order, when those that stream from it have received all, this member among them."""

    def start(self) -> None:
        """Start it as what it was."""

    def start_cut_off(self) -> None:
        """Start it as a standby that receives from nobody."""

    def cut_off(self, term: int) -> None:
        """Have a standby receive from nobody from now on; returns when it does not receive any more."""

    def promote(self, rule: Rule, term: int, timeline: int) -> None:
        """Make a standby the primary, on this timeline, whose commits need what the rule says, of a term's standbys."""

    def rely(self, rule: Rule, term: int) -> None:
        """Have a primary's commits need what the rule says, of a term's standbys; returns when all have that."""

    def follow(self, member: str, term: int) -> None:
        """Have a standby receive from a member that leads for a term, and confirm what is a part of that one's log."""

    def rejoin(self, member: str, term: int) -> None:
        """Make whatever is there a standby of a member that leads for a term."""


class Agent:
    """One member's agent. What it does is decided on what it saw, however long ago that is by then."""

    def __init__(
        self,
        declared: Declared,
        store: Store,
        local: Local,
        choose: Callable[[Server, Cluster, Declared], Step] = decide,
    ) -> None:
        self.declared = declared
        self._store = store
        self._local = local
        self._decide = choose
        self._said = ""

    def round(self) -> Step:
        """Look, decide and carry out, once; what was carried out."""
        return self.act(self.look())

    def look(self) -> Cluster:
        """Return the cluster, in which this member's own word is up to date."""
        seen = self._store.look()
        told = self._told(self._local.look())
        if seen.silence or seen.told.get(self.declared.me) == told:
            return seen
        self._store.tell(told)
        return self._store.look()

    def act(self, seen: Cluster) -> Step:
        """Decide on what was seen, and carry it out."""
        step = self._decide(self._local.look(), seen, self.declared)
        said = f"{step.act.value}: {step.why}"
        if said != self._said:
            log.info("%s", said)
            self._said = said
        self._carry_out(step, seen)
        return step

    def _told(self, server: Server) -> Told:
        fit = not (server.stuck or server.full)
        if server.running and not server.primary and server.cut_off:
            return Told(server.cut_off, self._local.position(), fit)
        return Told(fit=fit, follows=server.upstream if server.running and not server.primary else "")

    def _carry_out(self, step: Step, seen: Cluster) -> None:
        local, store, quorum, rule = self._local, self._store, seen.quorum, step.rule
        if step.act is Act.STOP:
            local.stop()
        elif step.act is Act.RESIGN:
            local.stop()
            store.resign()
        elif step.act is Act.HAND_OVER:
            local.hand_over(step.member)
            store.resign()
        elif step.act is Act.START:
            local.start()
        elif step.act is Act.START_CUT_OFF:
            local.start_cut_off()
        elif step.act is Act.CUT_OFF and quorum:
            local.cut_off(quorum.term)
        elif step.act is Act.LEAD and quorum and rule:
            store.lead(Quorum(quorum.term + 1, self.declared.me, (rule,), quorum))
        elif step.act is Act.PROMOTE and seen.leader and rule:
            timeline = store.reserve(local.position().timeline + 1)
            if timeline:
                with store.renewing():
                    local.promote(rule, seen.leader.term, timeline)
        elif step.act is Act.ANNOUNCE and seen.leader:
            store.announce(seen.leader.term)
        elif step.act is Act.ALLOW and quorum and rule:
            store.change(replace(quorum, rules=(*quorum.rules, rule)))
        elif step.act is Act.RELY and seen.leader and rule:
            local.rely(rule, seen.leader.term)
        elif step.act is Act.SETTLE and quorum and rule:
            store.change(Quorum(quorum.term, quorum.primary, (rule,)))
        elif step.act is Act.FOLLOW and seen.leader:
            local.follow(step.member, seen.leader.term)
        elif step.act is Act.REJOIN and seen.leader:
            local.rejoin(step.member, seen.leader.term)
