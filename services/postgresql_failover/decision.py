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
    RESIGN = "stop the server at once and give the lease back"
    HAND_OVER = "end the server in order and give the lease back"
    ALLOW = "let a candidate need what the declaration asks for, too"
    RELY = "have all commits confirmed as declared"
    SETTLE = "let a candidate need what the declaration asks for, alone"


@dataclass(frozen=True)
class Rule:
    """What a commit needs: this many of these standbys have it on disk before it is acknowledged."""

    standbys: frozenset[str]
    confirmations: int

    @property
    def needed(self) -> int:
        """How many of the standbys hold every acknowledged commit between them."""
        return len(self.standbys) - self.confirmations + 1


@dataclass(frozen=True)
class Step:
    """What to do and why; ``member`` is whom to follow or to hand over to, ``rule`` what commits shall need."""

    act: Act
    why: str
    member: str = ""
    rule: Rule | None = None


@dataclass(frozen=True, order=True)
class Position:
    """How far a server's log is on its disk. A later timeline wins: it began with all that was acknowledged before."""

    timeline: int
    lsn: int


@dataclass(frozen=True)
class Declared:
    """What the inventory says: all members, and how many standbys confirm a commit; times in seconds.

    ``at_risk`` lets a member lead though acknowledged commits may be lost by that. ``degrade_after`` is how long
    commits wait where too few standbys are left to confirm them; then fewer have to. 0 lets them wait for ever.
    """

    me: str
    members: frozenset[str]
    confirmations: int
    t1: float
    at_risk: bool = False
    degrade_after: float = 0.0

    def rule(self, counted: frozenset[str]) -> Rule:
        """What commits need while this member leads. A standby that is not counted with yet comes in once it follows:
        before that it confirms nothing, and nobody could lead without it. Too few that are would confirm nothing."""
        standbys = self.members - {self.me}
        listed = standbys & counted
        return Rule(listed if len(listed) >= self.confirmations else standbys, self.confirmations)

    def degraded(self, rule: Rule, server: Server) -> Rule:
        """What commits need once they have waited long enough: as many confirmations as there are standbys for them.

        Candidates count with that before commits rely on it, and it needs etcd's majority: without any confirmation
        nobody but this member may lead."""
        if not 0 < self.degrade_after < server.short:
            return rule
        return Rule(rule.standbys, min(rule.confirmations, len(rule.standbys & server.streaming)))


@dataclass(frozen=True)
class Server:
    """The server on this host.

    ``upstream`` is the member that it is set to receive from, empty for none, and ``term`` the leadership under which
    it was told so. ``cut_off`` is the term of the leader from which it has cut itself off, 0 for none: it receives from
    nobody and tells its position. Of a primary ``relies`` is what all of its commits have, also the earlier ones, and
    ``term`` the leadership whose standbys confirm them. ``stuck`` says why it cannot go on as a primary, ``full`` why
    it should not. ``streaming`` are the standbys that receive from it as it writes, and ``short`` for how many seconds
    it has known that they are fewer than are to confirm.
    """

    running: bool
    primary: bool
    upstream: str = ""
    cut_off: int = 0
    relies: Rule | None = None
    stuck: str = ""
    full: str = ""
    streaming: frozenset[str] = frozenset()
    short: float = 0.0
    term: int = 0


@dataclass(frozen=True)
class Leader:
    """The lease as it is held; ``ready`` once the member has been promoted and others may follow it."""

    member: str
    term: int
    ready: bool


@dataclass(frozen=True)
class Quorum:
    """What commits rely on: written with the lease, and there when the lease has ended.

    While the rule changes there are two, and a candidate has to satisfy both. Until all that was acknowledged under
    earlier leaders is confirmed under this one too, ``former`` says what that relies on.
    """

    term: int
    primary: str
    rules: tuple[Rule, ...]
    former: Quorum | None = None

    @property
    def members(self) -> frozenset[str]:
        """Who is counted with: the primary and the listed standbys, earlier ones while commits rely on them."""
        former = self.former.members if self.former else frozenset()
        return former.union({self.primary}, *(rule.standbys for rule in self.rules))


@dataclass(frozen=True)
class Told:
    """What a member says of itself: the term from which it has cut itself off, its position then, whether it is fit to
    lead, and whom it follows. While it has not cut itself off the term is 0, and the position means nothing."""

    term: int = 0
    position: Position = Position(0, 0)
    fit: bool = True
    follows: str = ""


@dataclass(frozen=True)
class Cluster:
    """What etcd says, and ``silence``: the seconds since it last answered this host. ``wish`` is who should lead."""

    leader: Leader | None
    quorum: Quorum | None
    told: Mapping[str, Told]
    silence: float = 0.0
    wish: str = ""


def decide(server: Server, cluster: Cluster, declared: Declared) -> Step:
    """Return the next step of a member."""
    if cluster.silence > 0:
        return _alone(server, cluster.silence, declared.t1)
    leader, quorum = cluster.leader, cluster.quorum
    if quorum is None:
        return Step(Act.NOTHING, "the cluster was not made yet")
    if leader is None:
        return _without_leader(declared, server, quorum, cluster)
    if leader.member == declared.me:
        return _as_leader(server, leader.ready, quorum, declared, cluster)
    return _under(leader, server)


def _alone(server: Server, silence: float, t1: float) -> Step:
    if server.running and server.primary and silence > t1:
        return Step(Act.STOP, f"the majority of voters has not answered for {silence:.1f} s, allowed {t1:.1f}")
    return Step(Act.NOTHING, "the majority of voters does not answer")


def _as_leader(server: Server, ready: bool, quorum: Quorum, declared: Declared, cluster: Cluster) -> Step:
    if server.stuck:
        return Step(Act.RESIGN, server.stuck)
    if not server.running:
        return Step(Act.START, "it leads")
    if not server.primary:
        # As it was written with the lease, whatever is declared by now.
        return Step(Act.PROMOTE, "it holds the lease", rule=quorum.rules[0])
    if not ready:
        return Step(Act.ANNOUNCE, "it is promoted")
    following = {name for name, told in cluster.told.items() if told.follows == declared.me}
    wanted = declared.degraded(declared.rule(quorum.members | following), server)
    fit = {name for name in wanted.standbys & cluster.told.keys() if cluster.told[name].fit}
    # Elsewhere it may be no better, or nobody may be able to lead without this one: then it goes on.
    if server.full and not lacks(quorum, frozenset(fit)):
        return Step(Act.RESIGN, server.full)
    step = _towards(wanted, server, quorum)
    if step.act is Act.NOTHING and cluster.wish in fit:
        return Step(Act.HAND_OVER, f"{cluster.wish} shall lead", cluster.wish)
    return step


def _towards(wanted: Rule, server: Server, quorum: Quorum) -> Step:
    # At no moment may a commit be acknowledged by less than candidates count with.
    if wanted not in quorum.rules:
        return Step(Act.ALLOW, "the declaration changed, or who follows", rule=wanted)
    if (server.relies, server.term) != (wanted, quorum.term):
        return Step(Act.RELY, "not all commits are known to have what is declared", rule=wanted)
    if quorum.rules != (wanted,) or quorum.former:
        return Step(Act.SETTLE, "all commits have what is declared", rule=wanted)
    return Step(Act.NOTHING, "it leads")


def _under(leader: Leader, server: Server) -> Step:
    if server.running and server.primary:
        return Step(Act.STOP, f"{leader.member} leads")
    if not leader.ready:
        return Step(Act.NOTHING, f"{leader.member} is being promoted")
    if not server.running:
        return Step(Act.REJOIN, f"{leader.member} leads", leader.member)
    if (server.upstream, server.term) == (leader.member, leader.term):
        return Step(Act.NOTHING, f"it follows {leader.member}")
    return Step(Act.FOLLOW, f"{leader.member} leads", leader.member)


def _without_leader(declared: Declared, server: Server, quorum: Quorum, cluster: Cluster) -> Step:
    me = declared.me
    if not server.running:
        return Step(Act.START_CUT_OFF, "nobody leads")
    if server.primary:
        # While it stays primary nobody else can have enough: it would be among those that are cut off.
        if me == quorum.primary and not server.stuck:
            return Step(Act.LEAD, "its lease has ended and nobody else took it", rule=declared.rule(quorum.members))
        return Step(Act.STOP, server.stuck or f"{quorum.primary} led last")
    if server.cut_off != quorum.term:
        return Step(Act.CUT_OFF, "nobody leads")
    # One that is not counted with yet, or no more, leads nobody.
    present = {name: cluster.told[name] for name in quorum.members & cluster.told.keys()}
    present = {name: one for name, one in present.items() if one.term == quorum.term}
    lacking = lacks(quorum, frozenset(present))
    if not present or (lacking and not declared.at_risk):
        return Step(Act.NOTHING, lacking)
    # What others have beyond those that are fit and enough was never acknowledged.
    fit = frozenset(name for name, one in present.items() if one.fit)
    candidates = present.keys() if lacks(quorum, fit) else fit
    best = max(candidates, key=lambda name: (present[name].position, present[name].fit, name == cluster.wish, name))
    wished = cluster.told.get(cluster.wish) if cluster.wish in quorum.members else None
    if wished and wished.fit and cluster.wish not in present:
        return Step(Act.NOTHING, f"{cluster.wish} shall lead and has not cut itself off yet")
    if best != me:
        return Step(Act.NOTHING, f"{best} is the most advanced")
    if server.stuck:
        return Step(Act.NOTHING, f"it is the most advanced and cannot lead: {server.stuck}")
    why = f"at risk: {lacking}" if lacking else "it is the most advanced of enough"
    return Step(Act.LEAD, why, rule=declared.rule(quorum.members))


def lacks(quorum: Quorum, present: frozenset[str]) -> str:
    """Return why members that are cut off may lack an acknowledged commit; empty where they cannot."""
    if quorum.primary in present:
        return ""
    short = [rule for rule in quorum.rules if len(present & rule.standbys) < rule.needed]
    if not short:
        return lacks(quorum.former, present) if quorum.former else ""
    needed = " and ".join(f"{rule.needed} of {', '.join(sorted(rule.standbys))}" for rule in short)
    found = ", ".join(sorted(present)) or "none"
    return (
        f"the last acknowledged commit may be elsewhere: found {found} cut off. Needed: {quorum.primary}, or {needed}."
    )
