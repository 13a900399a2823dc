"""Who leads a PostgreSQL cluster: what each member does, and that no order of faults breaks what is promised."""

from __future__ import annotations

from dataclasses import replace

import pytest
from postgresql_failover.decision import Act, Cluster, Leader, Position, Quorum, Server, Step, decide, lacks
from postgresql_simulated import LEASE, T1, Broken, Simulation

PRIMARY, STANDBY = Server(running=True, primary=True), Server(running=True, primary=False, upstream="a")
DOWN = Server(running=False, primary=False)
QUORUM = Quorum(term=7, primary="a", standbys=frozenset("bc"), confirmations=1)
LEADS = Leader("a", 7, ready=True)
FAR, NEAR = Position(1, 200), Position(1, 100)


def act(me: str, server: Server, cluster: Cluster) -> Act:
    return decide(me, server, cluster, T1).act


def test_a_primary_that_hears_nothing_stops_within_t1_and_a_standby_never() -> None:
    assert act("a", PRIMARY, Cluster(None, None, {}, silence=T1)) is Act.NOTHING
    assert act("a", PRIMARY, Cluster(None, None, {}, silence=T1 + 0.1)) is Act.STOP
    assert act("b", STANDBY, Cluster(None, None, {}, silence=100)) is Act.NOTHING


def test_a_cluster_that_was_not_made_is_left_alone() -> None:
    assert act("a", PRIMARY, Cluster(None, None, {})) is Act.NOTHING


def test_under_a_leader_each_follows_it_and_a_second_primary_stops() -> None:
    led = Cluster(LEADS, QUORUM, {})
    assert act("b", STANDBY, led) is Act.NOTHING
    assert act("b", replace(STANDBY, upstream="c"), led) is Act.FOLLOW
    assert act("b", PRIMARY, led) is Act.STOP
    assert decide("b", DOWN, led, T1) == Step(Act.REJOIN, "a leads", "a")
    unready = Cluster(replace(LEADS, ready=False), QUORUM, {})
    assert act("b", replace(STANDBY, upstream="c"), unready) is Act.NOTHING


def test_a_leader_is_promoted_announced_and_started_where_it_fell() -> None:
    held = Cluster(replace(LEADS, ready=False), QUORUM, {})
    assert act("a", STANDBY, held) is Act.PROMOTE
    assert act("a", PRIMARY, held) is Act.ANNOUNCE
    assert act("a", PRIMARY, Cluster(LEADS, QUORUM, {})) is Act.NOTHING
    assert act("a", DOWN, Cluster(LEADS, QUORUM, {})) is Act.START


def test_without_a_leader_a_standby_cuts_itself_off_before_it_counts() -> None:
    assert act("b", STANDBY, Cluster(None, QUORUM, {})) is Act.CUT_OFF
    assert act("b", DOWN, Cluster(None, QUORUM, {})) is Act.START_CUT_OFF
    old = replace(STANDBY, upstream="", cut_off=6)
    assert act("b", old, Cluster(None, QUORUM, {"b": (6, FAR), "c": (6, NEAR)})) is Act.CUT_OFF


def test_the_most_advanced_of_enough_leads() -> None:
    ready = replace(STANDBY, upstream="", cut_off=7)
    both = Cluster(None, QUORUM, {"b": (7, NEAR), "c": (7, FAR)})
    assert act("c", ready, both) is Act.LEAD
    assert decide("b", ready, both, T1) == Step(Act.NOTHING, "c is the most advanced")
    later = Cluster(None, QUORUM, {"b": (7, Position(2, 50)), "c": (7, FAR)})
    assert act("b", ready, later) is Act.LEAD


def test_a_standby_alone_says_what_is_missing() -> None:
    alone = decide("b", replace(STANDBY, upstream="", cut_off=7), Cluster(None, QUORUM, {"b": (7, FAR)}), T1)
    assert alone.act is Act.NOTHING
    assert alone.why.endswith("found b cut off. Needed: a, or 2 of b, c.")
    assert lacks(QUORUM, frozenset("ab")) == ""  # the former primary has everything


def test_a_primary_whose_lease_ended_takes_it_again_and_an_older_one_does_not() -> None:
    assert act("a", PRIMARY, Cluster(None, QUORUM, {})) is Act.LEAD
    assert act("b", PRIMARY, Cluster(None, QUORUM, {})) is Act.STOP


CLUSTERS = [(3, 1), (3, 2), (4, 1), (4, 2), (5, 1), (5, 2), (5, 3)]


@pytest.mark.parametrize(("hosts", "confirmations"), CLUSTERS)
def test_no_order_of_faults_loses_a_commit_or_lets_two_acknowledge(hosts: int, confirmations: int) -> None:
    promotions = acknowledged = 0
    for seed in range(40):
        one = Simulation(hosts, confirmations, seed)
        for _tick in range(400):
            one.tick()
        promotions += one.promotions
        acknowledged += len(one.acknowledged)
    assert promotions > 20 and acknowledged > 400, (promotions, acknowledged)


@pytest.mark.parametrize(("hosts", "confirmations"), CLUSTERS)
def test_a_cluster_whose_faults_are_over_works_again_by_itself(hosts: int, confirmations: int) -> None:
    for seed in range(20):
        one = Simulation(hosts, confirmations, seed)
        for _tick in range(200):
            one.tick()
        one.heal()
        one.faults = False
        for _tick in range(8 * LEASE):
            one.tick()
        (primary,) = [member for member in one.members.values() if member.running and member.primary]
        before = len(one.acknowledged)
        for _tick in range(LEASE):
            one.tick()
        assert len(one.acknowledged) > before, f"seed {seed}: {primary.name} acknowledges nothing"
        assert all(member.running for member in one.members.values())
        assert set(one.acknowledged) <= set(primary.log)


def too_few(me: str, server: Server, cluster: Cluster, t1: float) -> Step:
    """Decide as if one member that is cut off were enough."""
    if cluster.quorum:
        cluster = replace(cluster, quorum=replace(cluster.quorum, confirmations=len(cluster.quorum.standbys)))
    return decide(me, server, cluster, t1)


def least_advanced(me: str, server: Server, cluster: Cluster, t1: float) -> Step:
    """Decide as if the least advanced were the best."""
    turned = {
        name: (term, Position(-position.timeline, -position.lsn))
        for name, (term, position) in cluster.positions.items()
    }
    return decide(me, server, replace(cluster, positions=turned), t1)


@pytest.mark.parametrize("wrong", [too_few, least_advanced])
def test_the_simulation_finds_decisions_that_break_the_promise(wrong: object) -> None:
    def run(seed: int) -> None:
        one = Simulation(5, 2, seed, decide=wrong)  # type: ignore[arg-type]
        for _tick in range(400):
            one.tick()

    with pytest.raises(Broken):
        for seed in range(40):
            run(seed)
