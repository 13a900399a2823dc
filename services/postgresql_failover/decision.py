"""What one server of a cluster has to do now. Pure: what is seen in, one step out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Act(Enum):
    """A step; each is safe to repeat."""

    NOTHING = "nothing"
    STOP = "stop the server at once"
    START = "start as the primary that it is"
    START_CUT_OFF = "start as a standby that receives from nobody"
    CUT_OFF = "stop receiving"
    LEAD = "take the lease"
    PROMOTE = "promote"
    ANNOUNCE = "let others follow"
    FOLLOW = "receive from the leader"
    REJOIN = "become a standby of the leader, whatever is there"


@dataclass(frozen=True)
class Step:
    """What to do and why; ``member`` is whom to follow."""

    act: Act
    why: str
    member: str = ""


@dataclass(frozen=True, order=True)
class Position:
    """How far a server's log is on its disk. A later timeline wins: it began with all that was acknowledged before."""

    timeline: int
    lsn: int


@dataclass(frozen=True)
class Server:
    """The server on this host.

    ``upstream`` is the member that it is set to receive from, empty for none. ``cut_off`` is the term of the leader
    from which it has cut itself off, 0 for none: it receives from nobody and tells its position.
    """

    running: bool
    primary: bool
    upstream: str = ""
    cut_off: int = 0


@dataclass(frozen=True)
class Leader:
    """The lease as it is held; ``ready`` once the member has been promoted and others may follow it."""

    member: str
    term: int
    ready: bool


@dataclass(frozen=True)
class Quorum:
    """What commits under the last leader rely on: written with the lease, and there when the lease has ended."""

    term: int
    primary: str
    standbys: frozenset[str]
    confirmations: int

    @property
    def needed(self) -> int:
        """How many of the listed standbys hold every acknowledged commit between them."""
        return len(self.standbys) - self.confirmations + 1


@dataclass(frozen=True)
class Cluster:
    """What etcd says, and ``silence``: the seconds since it last answered this host.

    ``positions`` are those of the members that have cut themselves off, with the term from which.
    """

    leader: Leader | None
    quorum: Quorum | None
    positions: Mapping[str, tuple[int, Position]]
    silence: float = 0.0


def decide(me: str, server: Server, cluster: Cluster, t1: float) -> Step:
    """Return the next step of a member; ``t1`` is the silence after which a primary stops, in seconds."""
    if cluster.silence > 0:
        return _alone(server, cluster.silence, t1)
    leader, quorum = cluster.leader, cluster.quorum
    if quorum is None:
        return Step(Act.NOTHING, "the cluster was not made yet")
    if leader is None:
        return _without_leader(me, server, quorum, cluster.positions)
    if leader.member == me:
        return _as_leader(server, leader.ready)
    return _under(leader, server)


def _alone(server: Server, silence: float, t1: float) -> Step:
    if server.running and server.primary and silence > t1:
        return Step(Act.STOP, f"the majority of voters has not answered for {silence:.1f} s, allowed {t1:.1f}")
    return Step(Act.NOTHING, f"the majority of voters has not answered for {silence:.1f} s")


def _as_leader(server: Server, ready: bool) -> Step:
    if not server.running:
        return Step(Act.START, "it leads")
    if not server.primary:
        return Step(Act.PROMOTE, "it holds the lease")
    return Step(Act.NOTHING, "it leads") if ready else Step(Act.ANNOUNCE, "it is promoted")


def _under(leader: Leader, server: Server) -> Step:
    if server.running and server.primary:
        return Step(Act.STOP, f"{leader.member} leads")
    if not leader.ready:
        return Step(Act.NOTHING, f"{leader.member} is being promoted")
    if not server.running:
        return Step(Act.REJOIN, f"{leader.member} leads", leader.member)
    if server.upstream == leader.member:
        return Step(Act.NOTHING, f"it follows {leader.member}")
    return Step(Act.FOLLOW, f"{leader.member} leads", leader.member)


def _without_leader(me: str, server: Server, quorum: Quorum, positions: Mapping[str, tuple[int, Position]]) -> Step:
    if not server.running:
        return Step(Act.START_CUT_OFF, "nobody leads")
    if server.primary:
        # While it stays primary nobody else can have enough: it would be among those that are cut off.
        if me == quorum.primary:
            return Step(Act.LEAD, "its lease has ended and nobody else took it")
        return Step(Act.STOP, f"{quorum.primary} led last")
    if server.cut_off != quorum.term:
        return Step(Act.CUT_OFF, "nobody leads")
    present = {name: position for name, (term, position) in positions.items() if term == quorum.term}
    lacking = lacks(quorum, frozenset(present))
    if lacking:
        return Step(Act.NOTHING, lacking)
    best = max(present, key=lambda name: (present[name], name))
    if best != me:
        return Step(Act.NOTHING, f"{best} is the most advanced")
    return Step(Act.LEAD, "it is the most advanced of enough")


def lacks(quorum: Quorum, present: frozenset[str]) -> str:
    """Return why members that are cut off may lack an acknowledged commit; empty where they cannot."""
    if quorum.primary in present:
        return ""
    found = present & quorum.standbys
    if len(found) >= quorum.needed:
        return ""
    return (
        f"the last acknowledged commit may be elsewhere: found {', '.join(sorted(found)) or 'none'} cut off."
        f" Needed: {quorum.primary}, or {quorum.needed} of {', '.join(sorted(quorum.standbys))}."
    )
