"""A plan leads to the wanted layout with the fewest steps, says whom it disturbs, and can be taken back."""

from __future__ import annotations

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.cards import (
    WHOLE,
    Card,
    ComputeInstance,
    GpuInstance,
    Wanted,
    layout_of,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.plan import (
    affected,
    as_diff,
    differences,
    make_plan,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.profiles import MODELS
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.steps import (
    describe,
    undo,
)

from tests.unit.gpu_plan.simulator import Simulator, card, cut, plan_one, stays, whole

A100 = MODELS["A100-40GB"].profiles
SEVEN = [("1g.5gb", start) for start in range(7)]
MIXED = ["3g.20gb", "2g.10gb", "1g.5gb", "1g.5gb"]


def test_an_a100_goes_from_seven_to_mixed_to_off_and_back() -> None:
    host = Simulator([card("A100-40GB", SEVEN)])
    mixed = plan_one(host.cards[0], cut(A100, MIXED))
    host.run(mixed.steps)
    assert str(host.cards[0]) == "card 0: 1g.5gb@0 1g.5gb@1 2g.10gb@2 3g.20gb@4"
    assert [str(entry["before"] + entry["after"]) for entry in as_diff(mixed)] == [
        "card 0: 1g.5gb@0 1g.5gb@1 1g.5gb@2 1g.5gb@3 1g.5gb@4 1g.5gb@5 1g.5gb@6\n"
        "card 0: 1g.5gb@0 1g.5gb@1 2g.10gb@2 3g.20gb@4\n"
    ]
    off = plan_one(host.cards[0], WHOLE)
    host.run(off.steps)
    assert str(host.cards[0]) == "card 0: MIG off" and describe(off.steps)[-1] == "card 0: turn MIG off"
    host.run(plan_one(host.cards[0], cut(A100, ["1g.5gb"] * 7)).steps)
    assert layout_of(host.cards[0]) == cut(A100, ["1g.5gb"] * 7)


def test_an_a30_is_cut_in_four() -> None:
    table = MODELS["A30"].profiles
    host = Simulator([whole()])
    plan = plan_one(host.cards[0], cut(table, ["1g.6gb"] * 4), model="A30")
    host.run(plan.steps)
    assert str(host.cards[0]) == "card 0: 1g.6gb@0 1g.6gb@1 1g.6gb@2 1g.6gb@3"
    assert affected(plan.steps) == ["GPU-0"]


def test_an_h100_keeps_its_3g_when_the_rest_changes() -> None:
    now = card("H100-80GB", [("3g.40gb", 4), ("4g.40gb", 0)])
    plan = plan_one(
        now, cut(MODELS["H100-80GB"].profiles, ["3g.40gb", "2g.20gb", "1g.10gb", "1g.10gb"]), model="H100-80GB"
    )
    assert stays(now, plan) == {("3g.40gb", 4)} and affected(plan.steps) == ["MIG-0-0"] and plan.moves == ()


def test_the_steps_of_one_slice_are_in_the_order_of_execution() -> None:
    plan = plan_one(card("A100-40GB", [("3g.20gb", 0), ("3g.20gb", 4)]), cut(A100, ["3g.20gb", "4g.20gb"]))
    assert describe(plan.steps) == [
        "destroy compute instance 3c of card 0: 3g.20gb@0",
        "destroy GPU instance card 0: 3g.20gb@0",
        "create GPU instance card 0: 4g.20gb@0",
        "create compute instance 4c of card 0: 4g.20gb@0",
    ]


def test_a_kept_slice_that_is_in_the_way_is_named_with_what_takes_its_place() -> None:
    now = card("A100-40GB", [("1g.5gb", 1), ("2g.10gb", 4)])
    plan = plan_one(now, cut(A100, ["4g.20gb", "2g.10gb", "1g.5gb"]))
    assert [str(move) for move in plan.moves] == [
        "card 0: 1g.5gb@1 is wanted in the new layout too, but must be emptied: what is wanted has room only if its"
        " place goes to 4g.20gb@0."
    ]
    assert plan.moves[0].uuids == ("MIG-0-1",) and affected(plan.steps) == ["MIG-0-1"]


def test_slices_in_use_are_spared_where_others_do_as_well() -> None:
    now = card("A100-40GB", SEVEN)
    plan = plan_one(now, cut(A100, MIXED), frozenset({"MIG-0-2", "MIG-0-3"}))
    assert stays(now, plan) == {("1g.5gb", 2), ("1g.5gb", 3)} and "MIG-0-2" not in affected(plan.steps)


def test_an_intact_slice_stays_rather_than_one_that_needs_repair() -> None:
    now = card("A100-40GB", SEVEN[:2], broken=[0])
    assert stays(now, plan_one(now, cut(A100, ["1g.5gb"]))) == {("1g.5gb", 1)}


def test_a_slice_without_its_compute_instance_is_repaired_and_nothing_else() -> None:
    now = card("A100-40GB", SEVEN, broken=[3])
    plan = plan_one(now, cut(A100, ["1g.5gb"] * 7))
    assert describe(plan.steps) == ["create compute instance 1c of card 0: 1g.5gb@3"]
    assert affected(plan.steps) == [] and differences([now], {0: cut(A100, ["1g.5gb"] * 7)}) == [
        "card 0: 1g.5gb@3 (compute instances: none). Needed: one of 1c."
    ]
    assert as_diff(plan)[0]["before"] != as_diff(plan)[0]["after"]


def test_compute_instances_of_the_wrong_size_are_replaced_within_their_gpu_instance() -> None:
    parts = (ComputeInstance(0, 2, "MIG-a"), ComputeInstance(1, 1, "MIG-b"))
    now = Card(0, "GPU-0", True, True, (GpuInstance(7, A100["3g.20gb"], 4, parts),))
    plan = plan_one(now, cut(A100, ["3g.20gb"]))
    assert describe(plan.steps) == [
        "destroy compute instance 2c of card 0: 3g.20gb@4",
        "destroy compute instance 1c of card 0: 3g.20gb@4",
        "create compute instance 3c of card 0: 3g.20gb@4",
    ]
    assert affected(plan.steps) == ["MIG-a", "MIG-b"]
    host = Simulator([now])
    before = host.state
    host.run(plan.steps)
    host.run(undo(plan.steps))
    assert host.state == before


def test_steps_of_several_cards_share_one_change_of_mode() -> None:
    cards = [card("A100-40GB", SEVEN, 0), whole(1), card("A100-40GB", SEVEN, 2)]
    wanted = {0: WHOLE, 1: cut(A100, ["7g.40gb"]), 2: cut(A100, ["1g.5gb"] * 7)}
    plan = make_plan(A100, cards, wanted)
    phases = [step.phase for step in plan.steps]
    assert phases == sorted(phases) and phases.count(3) == 2
    assert {step.card for step in plan.steps} == {0, 1} == {entry.index for entry in plan.before}
    host = Simulator(cards)
    host.run(plan.steps)
    assert differences(host.cards.values(), wanted) == []


@pytest.mark.parametrize("mig", [True, False])
def test_a_mode_change_that_was_only_pending_is_called_off_without_disturbing_the_card(mig: bool) -> None:
    instances = card("A100-40GB", SEVEN).instances if mig else ()
    now = Card(0, "GPU-0", mig, not mig, instances)
    plan = plan_one(now, layout_of(now))
    assert [type(step).__name__ for step in plan.steps] == ["ChangeMode"]
    assert affected(plan.steps) == [] and undo(plan.steps) == []
    host = Simulator([now])
    host.run(plan.steps)
    assert differences(host.cards.values(), {0: layout_of(now)}) == []


def test_mig_that_is_pending_is_not_taken_for_mig_that_is_on() -> None:
    plan = plan_one(Card(0, "GPU-0", False, True), cut(A100, ["7g.40gb"]))
    assert describe(plan.steps)[0] == "card 0: turn MIG on" and affected(plan.steps) == ["GPU-0"]


def test_after_a_reboot_the_old_layout_is_one_plan_away() -> None:
    before = card("A100-40GB", [("3g.20gb", 4), ("2g.10gb", 2), ("1g.5gb", 0)])
    rebooted = Card(0, "GPU-0", True, True)
    host = Simulator([rebooted])
    host.run(plan_one(rebooted, layout_of(before)).steps)
    assert layout_of(host.cards[0]) == layout_of(before)


def test_a_card_of_which_nothing_is_wanted_is_left_alone() -> None:
    assert make_plan(A100, [card("A100-40GB", SEVEN)], {}).steps == ()


def test_a_card_that_is_not_there_is_named() -> None:
    wanted = {3: cut(A100, ["7g.40gb"])}
    with pytest.raises(ValueError, match=r"card 3 is wanted, but the host has the cards \[0\]"):
        make_plan(A100, [whole()], wanted)
    assert differences([whole()], wanted) == ["card 3: not there. Needed: 7g.40gb."]


def test_a_profile_of_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no profile 1g\.6gb; the model has 1g\.5gb"):
        plan_one(whole(), Wanted(True, ("1g.6gb",)))


def test_slices_that_overlap_wherever_they_are_placed_are_refused() -> None:
    with pytest.raises(ValueError, match="no placement holds"):
        plan_one(whole(), cut(A100, ["4g.20gb", "2g.10gb", "2g.10gb"]))
