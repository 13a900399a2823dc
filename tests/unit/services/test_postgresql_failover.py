"""Who leads a PostgreSQL cluster: what each member does on what it sees."""

from __future__ import annotations

from dataclasses import replace

from postgresql_failover.decision import (
    Act,
    Cluster,
    Declared,
    Leader,
    Position,
    Quorum,
    Rule,
    Server,
    Step,
    Told,
    decide,
    lacks,
)
from postgresql_simulated_keys import T1

RULE = Rule(frozenset("bc"), 1)
PRIMARY = Server(running=True, primary=True, relies=RULE, term=7)
STANDBY = Server(running=True, primary=False, upstream="a", term=7)
DOWN = Server(running=False, primary=False)
QUORUM = Quorum(7, "a", (RULE,))
LEADS = Leader("a", 7, ready=True)
FAR, NEAR = Position(1, 200), Position(1, 100)


def step(me: str, server: Server, cluster: Cluster, confirmations: int = 1, members: str = "abc") -> Step:
    return decide(server, cluster, Declared(me, frozenset(members), confirmations, T1))


def act(me: str, server: Server, cluster: Cluster) -> Act:
    return step(me, server, cluster).act


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
    assert act("b", replace(STANDBY, term=6), led) is Act.FOLLOW
    assert act("b", PRIMARY, led) is Act.STOP
    assert step("b", DOWN, led) == Step(Act.REJOIN, "a leads", "a")
    unready = Cluster(replace(LEADS, ready=False), QUORUM, {})
    assert act("b", replace(STANDBY, upstream="c"), unready) is Act.NOTHING


def test_a_primary_that_leads_for_another_term_has_its_commits_confirmed_by_those_who_follow_it_then() -> None:
    assert step("a", replace(PRIMARY, term=6), Cluster(LEADS, QUORUM, {})).act is Act.RELY


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
    assert act("b", old, Cluster(None, QUORUM, {"b": Told(6, FAR), "c": Told(6, NEAR)})) is Act.CUT_OFF


def test_the_most_advanced_of_enough_leads() -> None:
    ready = replace(STANDBY, upstream="", cut_off=7)
    both = Cluster(None, QUORUM, {"b": Told(7, NEAR), "c": Told(7, FAR)})
    assert act("c", ready, both) is Act.LEAD
    assert step("b", ready, both) == Step(Act.NOTHING, "c is the most advanced")
    later = Cluster(None, QUORUM, {"b": Told(7, Position(2, 50)), "c": Told(7, FAR)})
    assert act("b", ready, later) is Act.LEAD


def test_a_standby_alone_says_what_is_missing() -> None:
    alone = step("b", replace(STANDBY, upstream="", cut_off=7), Cluster(None, QUORUM, {"b": Told(7, FAR)}))
    assert alone.act is Act.NOTHING
    assert alone.why.endswith("found b cut off. Needed: a, or 2 of b, c.")
    assert lacks(QUORUM, frozenset("ab")) == ""  # the former primary has everything


def test_a_primary_whose_lease_ended_takes_it_again_and_an_older_one_does_not() -> None:
    assert act("a", PRIMARY, Cluster(None, QUORUM, {})) is Act.LEAD
    assert act("b", PRIMARY, Cluster(None, QUORUM, {})) is Act.STOP


def test_a_changed_declaration_is_counted_with_before_commits_rely_on_it() -> None:
    wanted = Rule(frozenset("bc"), 2)
    both, settled = replace(QUORUM, rules=(RULE, wanted)), replace(QUORUM, rules=(wanted,))
    assert step("a", PRIMARY, Cluster(LEADS, QUORUM, {}), confirmations=2).act is Act.ALLOW
    assert step("a", PRIMARY, Cluster(LEADS, both, {}), confirmations=2).act is Act.RELY
    relies = replace(PRIMARY, relies=wanted)
    assert step("a", relies, Cluster(LEADS, both, {}), confirmations=2).act is Act.SETTLE
    assert step("a", relies, Cluster(LEADS, settled, {}), confirmations=2).act is Act.NOTHING
    assert lacks(both, frozenset("b")).endswith("Needed: a, or 2 of b, c.")
    assert lacks(settled, frozenset("b")) == ""


def test_a_new_standby_is_counted_with_once_it_follows() -> None:
    for told in ({}, {"d": Told()}, {"d": Told(follows="b")}):
        led = Cluster(LEADS, QUORUM, told)
        assert step("a", PRIMARY, led, members="abcd").act is Act.NOTHING
    follows = Cluster(LEADS, QUORUM, {"d": Told(follows="a")})
    wanted = Rule(frozenset("bcd"), 1)
    assert step("a", PRIMARY, follows, members="abcd").rule == wanted
    assert step("a", PRIMARY, follows, members="abcd").act is Act.ALLOW
    counted = Cluster(LEADS, replace(QUORUM, rules=(wanted,)), {})
    assert step("a", replace(PRIMARY, relies=wanted), counted, members="abcd").act is Act.NOTHING
    # Where those that are counted with are too few to confirm, commits wait for whoever is declared.
    assert step("a", PRIMARY, Cluster(LEADS, QUORUM, {}), 3, members="abcd").rule == Rule(frozenset("bcd"), 3)


def test_commits_that_have_waited_long_enough_need_as_many_as_are_left_and_all_again_once_these_are_back() -> None:
    def degrading(server: Server, quorum: Quorum = QUORUM) -> Step:
        declared = Declared("a", frozenset("abc"), 1, T1, degrade_after=30)
        return decide(server, Cluster(LEADS, quorum, {}), declared)

    alone = Rule(frozenset("bc"), 0)
    assert degrading(replace(PRIMARY, short=30)).act is Act.NOTHING
    allows = degrading(replace(PRIMARY, short=31))
    assert (allows.act, allows.rule) == (Act.ALLOW, alone)
    both = replace(QUORUM, rules=(RULE, alone))
    assert degrading(replace(PRIMARY, short=32), both).act is Act.RELY
    assert "Needed: a, or 3 of b, c." in lacks(both, frozenset("bc"))
    relies, settled = replace(PRIMARY, relies=alone), replace(QUORUM, rules=(alone,))
    assert degrading(replace(relies, short=33), settled).act is Act.NOTHING
    back = degrading(replace(relies, streaming=frozenset("b")), settled)
    assert (back.act, back.rule) == (Act.ALLOW, RULE)
    # Of three that are to confirm one is left, and that one has to.
    three = Declared("a", frozenset("abcd"), 2, T1, degrade_after=30)
    left = replace(PRIMARY, short=31, streaming=frozenset("b"))
    quorum = replace(QUORUM, rules=(Rule(frozenset("bcd"), 2),))
    assert decide(left, Cluster(LEADS, quorum, {}), three).rule == Rule(frozenset("bcd"), 1)
    # Where that was not declared commits wait for ever.
    assert step("a", replace(PRIMARY, short=1e6), Cluster(LEADS, QUORUM, {})).act is Act.NOTHING


def test_who_is_not_counted_with_leads_nobody() -> None:
    ready = replace(STANDBY, upstream="", cut_off=7)
    ahead = Cluster(None, QUORUM, {"b": Told(7, NEAR), "c": Told(7, NEAR), "d": Told(7, FAR)})
    assert step("d", ready, ahead, members="abcd") == Step(Act.NOTHING, "c is the most advanced")
    assert step("c", ready, ahead, members="abcd").act is Act.LEAD
    earlier = Quorum(8, "e", (Rule(frozenset("f"), 1),), former=replace(QUORUM, term=7))
    assert earlier.members == frozenset("abcef")


def test_who_is_promoted_keeps_what_was_written_with_its_lease() -> None:
    held = Cluster(replace(LEADS, ready=False), QUORUM, {})
    assert step("a", STANDBY, held, confirmations=2).rule == RULE


def test_what_earlier_leaders_acknowledged_is_counted_with_until_it_is_confirmed_anew() -> None:
    later = Quorum(8, "b", (Rule(frozenset("ac"), 2),), former=QUORUM)
    assert lacks(later, frozenset("c")).endswith("Needed: a, or 2 of b, c.")
    assert lacks(later, frozenset("ac")) == ""
    held = Cluster(Leader("b", 8, ready=True), later, {})
    assert step("b", replace(PRIMARY, relies=None), held, confirmations=2).act is Act.RELY
    assert step("b", replace(PRIMARY, relies=later.rules[0], term=8), held, confirmations=2).act is Act.SETTLE


def test_a_leader_that_hangs_resigns_and_one_without_room_only_if_fit_ones_can_lead_without_it() -> None:
    led = Cluster(LEADS, QUORUM, {"a": Told(fit=False), "b": Told(), "c": Told(fit=False)})
    assert act("a", replace(PRIMARY, stuck="it hangs"), led) is Act.RESIGN
    full = replace(PRIMARY, full="no room")
    assert act("a", full, led) is Act.NOTHING
    assert act("a", full, replace(led, told={"b": Told()})) is Act.NOTHING
    assert act("a", full, replace(led, told={"b": Told(), "c": Told()})) is Act.RESIGN


def test_one_without_room_leads_only_where_the_fit_ones_are_too_few() -> None:
    ready = replace(STANDBY, upstream="", cut_off=7)
    far, near = Told(7, FAR, fit=False), Told(7, NEAR)
    assert act("b", ready, Cluster(None, QUORUM, {"b": far, "c": near})) is Act.LEAD
    enough = Cluster(None, QUORUM, {"a": Told(7, NEAR), "b": far, "c": near})
    assert step("b", ready, enough) == Step(Act.NOTHING, "c is the most advanced")
    assert act("c", ready, enough) is Act.LEAD


def test_who_is_wanted_leads_if_it_is_fit_and_as_far_as_others() -> None:
    wanted = Cluster(LEADS, QUORUM, {"b": Told(), "c": Told(fit=False)}, wish="b")
    assert step("a", PRIMARY, wanted) == Step(Act.HAND_OVER, "b shall lead", "b")
    assert act("a", PRIMARY, replace(wanted, wish="c")) is Act.NOTHING
    ready = replace(STANDBY, upstream="", cut_off=7)
    equal = Cluster(None, QUORUM, {"b": Told(7, FAR), "c": Told(7, FAR)}, wish="b")
    assert act("b", ready, equal) is Act.LEAD
    late = replace(equal, told={"a": Told(7, FAR), "b": Told(), "c": Told(7, FAR)})
    assert act("c", ready, late) is Act.NOTHING
    assert act("c", ready, replace(late, wish="")) is Act.LEAD
    behind = replace(equal, told={"b": Told(7, NEAR), "c": Told(7, FAR)})
    assert act("b", ready, behind) is Act.NOTHING


def test_of_equals_the_fit_one_leads() -> None:
    ready = replace(STANDBY, upstream="", cut_off=7)
    equal = Cluster(None, QUORUM, {"b": Told(7, FAR), "c": Told(7, FAR, fit=False)})
    assert act("b", ready, equal) is Act.LEAD
