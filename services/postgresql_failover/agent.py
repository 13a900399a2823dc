"""The loop on each database host: look at the server and at etcd, decide, carry out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from postgresql_failover.decision import Act, Cluster, Position, Quorum, Server, Step, decide

log = logging.getLogger(__name__)


class Store(Protocol):
    """The cluster's keys; ``postgresql_failover.store`` has them in etcd."""

    def look(self) -> Cluster:
        """Renew this member's lease and return what is there."""

    def lead(self, quorum: Quorum) -> bool:
        """Take the lease for a new term."""

    def announce(self, term: int) -> bool:
        """Let others follow this member."""

    def tell(self, term: int, position: Position) -> bool:
        """Say how far this member is; whether that was heard."""


class Local(Protocol):
    """The server of this host. Whatever these do must be on disk when they return."""

    def look(self) -> Server:
        """Return what the server is."""

    def position(self) -> Position:
        """Return how far its log is on disk."""

    def stop(self) -> None:
        """End it at once; nothing is acknowledged afterwards."""

    def start(self) -> None:
        """Start it as what it was."""

    def start_cut_off(self) -> None:
        """Start it as a standby that receives from nobody."""

    def cut_off(self, term: int) -> None:
        """Have a standby receive from nobody from now on; returns when it does not receive any more."""

    def promote(self, standbys: frozenset[str], confirmations: int) -> None:
        """Make a standby the primary, which acknowledges what so many of these have confirmed."""

    def follow(self, member: str) -> None:
        """Have a standby receive from a member."""

    def rejoin(self, member: str) -> None:
        """Make whatever is there a standby of a member."""


@dataclass(frozen=True)
class Declared:
    """What the inventory says: all members, and how many standbys confirm a commit; ``t1`` in seconds."""

    me: str
    members: frozenset[str]
    confirmations: int
    t1: float

    @property
    def others(self) -> frozenset[str]:
        """The members beside this one."""
        return self.members - {self.me}


class Agent:
    """One member's agent. What it does is decided on what it saw, however long ago that is by then."""

    def __init__(
        self,
        declared: Declared,
        store: Store,
        local: Local,
        choose: Callable[[str, Server, Cluster, float], Step] = decide,
    ) -> None:
        self._declared = declared
        self._store = store
        self._local = local
        self._decide = choose
        self._said = ""

    def round(self) -> None:
        """Look, decide and carry out, once."""
        self.act(self.look())

    def look(self) -> Cluster:
        """Tell the own position where it counts, and return the cluster."""
        server = self._local.look()
        if server.running and not server.primary and server.cut_off:
            self._store.tell(server.cut_off, self._local.position())
        return self._store.look()

    def act(self, seen: Cluster) -> None:
        """Decide on what was seen, and carry it out."""
        step = self._decide(self._declared.me, self._local.look(), seen, self._declared.t1)
        said = f"{step.act.value}: {step.why}"
        if said != self._said:
            log.info("%s", said)
            self._said = said
        self._carry_out(step, seen)

    def _carry_out(self, step: Step, seen: Cluster) -> None:
        local, declared = self._local, self._declared
        if step.act is Act.STOP:
            local.stop()
        elif step.act is Act.START:
            local.start()
        elif step.act is Act.START_CUT_OFF:
            local.start_cut_off()
        elif step.act is Act.CUT_OFF and seen.quorum:
            local.cut_off(seen.quorum.term)
        elif step.act is Act.LEAD and seen.quorum:
            term = seen.quorum.term + 1
            self._store.lead(Quorum(term, declared.me, declared.others, declared.confirmations))
        elif step.act is Act.PROMOTE:
            local.promote(declared.others, declared.confirmations)
        elif step.act is Act.ANNOUNCE and seen.leader:
            self._store.announce(seen.leader.term)
        elif step.act is Act.FOLLOW:
            local.follow(step.member)
        elif step.act is Act.REJOIN:
            local.rejoin(step.member)
