"""On many random cards: a plan arrives, touches nothing that could stay, can be taken back, and is quick."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from functools import lru_cache

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.cards import (
    WHOLE,
    Card,
    Wanted,
    layout_of,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.placement import arrange, place
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.plan import (
    differences,
    make_plan,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.profiles import MODELS
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.steps import (
    CreateGpuInstance,
    describe,
    undo,
)

from tests.unit.gpu_plan.simulator import (
    Places,
    Simulator,
    card,
    configurations,
    cut,
    in_order,
    plan_one,
    seeded,
    stays,
    whole,
)

A100 = MODELS["A100-40GB"].profiles


@lru_cache
def by_multiset(model: str) -> dict[tuple[tuple[str, int], ...], list[Places]]:
    result = defaultdict(list)
    for places in configurations(model):
        result[tuple(sorted(Counter(name for name, dummy in places).items()))].append(places)
    return dict(result)


def most_that_can_stay(model: str, now: Card, wanted: Wanted, in_use: frozenset[str]) -> tuple[int, int, int]:
    """Try every way to cut the card as wanted: numbers of slices, of slices in use and of memory slices that stay."""
    present = {(i.profile.name, i.start): i for i in now.instances}
    return max(
        (
            len(places & present.keys()),
            sum(bool(in_use & set(present[key].uuids)) for key in places & present.keys()),
            sum(present[key].profile.size for key in places & present.keys()),
        )
        for places in by_multiset(model)[tuple(sorted(Counter(wanted.profiles).items()))]
    )


def random_case(model: str, chance: random.Random) -> tuple[Card, Wanted, frozenset[str]]:
    places = chance.choice(in_order(model))
    starts = sorted(start for dummy, start in places)
    broken = chance.sample(starts, len(starts) // 3) if chance.random() < 0.3 else []
    now = card(model, sorted(places), broken=broken)
    if chance.random() < 0.1:
        now = whole()
    wanted = cut(MODELS[model].profiles, [name for name, dummy in chance.choice(in_order(model))])
    used = frozenset(u for i in now.instances for u in i.uuids if chance.random() < 0.4)
    return now, WHOLE if chance.random() < 0.1 else wanted, used


@pytest.mark.parametrize("model", ["A30", "A100-40GB", "H100-80GB"])
def test_any_plan_reaches_what_is_wanted_and_is_empty_the_second_time(model: str) -> None:
    chance = seeded(model, "reached")
    for number in range(400):
        now, wanted, used = random_case(model, chance)
        host = Simulator([now])
        host.run(plan_one(now, wanted, used, model).steps)
        after = host.cards[0]
        assert after.mig == wanted.mig, number
        assert Counter(i.profile.name for i in after.instances) == Counter(wanted.profiles), number
        assert all(i.is_intact for i in after.instances), number
        assert plan_one(after, wanted, used, model).steps == () and differences([after], {0: wanted}) == []


@pytest.mark.parametrize("model", ["A30", "A100-40GB", "H100-80GB"])
def test_no_plan_touches_a_slice_that_could_stay(model: str) -> None:
    chance = seeded(model, "kept")
    for number in range(400):
        now, wanted, used = random_case(model, chance)
        if not (now.mig and wanted.mig):
            continue
        kept = stays(now, plan_one(now, wanted, used, model))
        present = {(i.profile.name, i.start): i for i in now.instances}
        found = (
            len(kept),
            sum(bool(used & set(present[key].uuids)) for key in kept),
            sum(present[key].profile.size for key in kept),
        )
        assert found == most_that_can_stay(model, now, wanted, used), f"{number}: {now}, wanted {wanted}"


@pytest.mark.parametrize("model", ["A30", "A100-40GB", "H100-80GB"])
def test_undo_from_any_point_brings_the_card_back_as_it_was(model: str) -> None:
    chance = seeded(model, "undo")
    for number in range(100):
        now, wanted, used = random_case(model, chance)
        steps = plan_one(now, wanted, used, model).steps
        for reached in range(len(steps) + 1):
            host = Simulator([now])
            before = host.state
            host.run(steps[:reached])
            host.run(undo(steps[:reached]))
            assert host.state == before, f"{number}, after {reached} of {describe(steps)}"


def test_differences_are_empty_exactly_where_a_plan_is() -> None:
    chance = seeded("differences")
    empty = 0
    for _ in range(300):
        now, wanted, used = random_case("A30", chance)
        now = Card(now.index, now.uuid, now.mig, now.mig if chance.random() < 0.8 else not now.mig, now.instances)
        wanted = layout_of(now) if chance.random() < 0.4 else wanted
        steps = plan_one(now, wanted, used, "A30").steps
        assert bool(steps) == bool(differences([now], {0: wanted})), f"{now}, wanted {wanted}"
        empty += not steps
    assert 30 < empty < 270


def test_each_kept_slice_that_must_be_emptied_is_overlapped_by_a_new_one() -> None:
    chance = seeded("moves")
    moves = 0
    for _ in range(400):
        now, wanted, used = random_case("A100-40GB", chance)
        plan = plan_one(now, wanted, used)
        both = Counter(layout_of(now).profiles) & Counter(wanted.profiles)
        kept = Counter(name for name, dummy in stays(now, plan)) if wanted.mig else Counter()
        assert Counter(move.profile for move in plan.moves) == both - kept
        created = {f"{s.profile.name}@{s.start}" for s in plan.steps if isinstance(s, CreateGpuInstance)}
        for move in plan.moves:
            assert move.takers and set(move.takers) <= created - {f"{move.profile}@{move.start}"}
            moves += 1
    assert moves > 10


def test_the_order_in_which_a_driver_lists_instances_changes_nothing() -> None:
    chance = seeded("order")
    for _ in range(100):
        now, wanted, used = random_case("A100-40GB", chance)
        shuffled = Card(0, now.uuid, now.mig, now.pending, tuple(chance.sample(now.instances, len(now.instances))))
        assert plan_one(shuffled, wanted, used).steps == plan_one(now, wanted, used).steps


def test_a_thousand_cards_are_planned_in_well_under_a_second() -> None:
    chance = seeded("thousand")
    cards, wanted = [], {}
    for index in range(1000):
        cards.append(card("A100-40GB", sorted(chance.choice(in_order("A100-40GB"))), index))
        wanted[index] = cut(A100, [name for name, dummy in chance.choice(in_order("A100-40GB"))])
    place.cache_clear()
    arrange.cache_clear()
    started = time.process_time()
    plan = make_plan(A100, cards, wanted)
    spent = time.process_time() - started
    assert len(plan.before) > 900 and spent < 0.5, f"{spent:.2f} s of CPU time for {len(plan.steps)} steps"
