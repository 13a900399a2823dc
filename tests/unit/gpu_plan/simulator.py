"""Cards in memory that obey the rules of MIG: what a driver would refuse is an assertion that fails."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import count

from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.cards import (
    Card,
    ComputeInstance,
    GpuInstance,
    Wanted,
    largest_first,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.plan import Plan, make_plan
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.profiles import MODELS, Profile
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.steps import (
    ChangeMode,
    CreateComputeInstance,
    CreateGpuInstance,
    DestroyComputeInstance,
    DestroyGpuInstance,
    Step,
)

Places = frozenset[tuple[str, int]]
"""The slices of a card by profile and start."""

NUMBERS = count()


class Simulator:
    """The cards of a host, changed step by step."""

    def __init__(self, cards: Iterable[Card]) -> None:
        self.cards = {card.index: card for card in cards}

    def run(self, steps: Sequence[Step]) -> None:
        for step in steps:
            card = self.cards[step.card]
            if isinstance(step, ChangeMode):
                assert step.current == card.mig and not (step.resets and card.instances), f"{step}: {card}"
                self.cards[step.card] = Card(card.index, card.uuid, step.enabled, step.enabled, card.instances)
            else:
                instances = {instance.start: instance for instance in card.instances}
                assert card.mig, f"{step}: {card}"
                _change(instances, step)
                self.cards[step.card] = Card(card.index, card.uuid, True, card.pending, tuple(instances.values()))

    @property
    def state(self) -> dict[int, tuple[bool, set[tuple[str, int, tuple[int, ...]]]]]:
        """What a card is, without the identifiers that a driver chooses."""
        return {
            index: (
                card.mig,
                {(i.profile.name, i.start, tuple(sorted(c.slices for c in i.compute))) for i in card.instances},
            )
            for index, card in self.cards.items()
        }


def _change(instances: dict[int, GpuInstance], step: Step) -> None:
    if isinstance(step, CreateGpuInstance):
        profile = step.profile
        present = [instance.profile for instance in instances.values()]
        assert may_join(profile, step.start, [(i.profile, i.start) for i in instances.values()]), f"{step}: {present}"
        instances[step.start] = GpuInstance(next(NUMBERS), profile, step.start)
        return
    assert isinstance(step, (DestroyGpuInstance, CreateComputeInstance, DestroyComputeInstance))
    instance = instances[step.start]
    assert instance.profile == step.profile, f"{step}: {instance}"
    compute = list(instance.compute)
    if isinstance(step, DestroyGpuInstance):
        assert not compute and step.identifier in (None, instance.identifier), f"{step}: {instance}"
        del instances[step.start]
        return
    if isinstance(step, CreateComputeInstance):
        assert sum(one.slices for one in compute) + step.slices <= instance.profile.slices, f"{step}: {instance}"
        compute.append(ComputeInstance(next(NUMBERS), step.slices, f"MIG-{next(NUMBERS)}"))
    else:
        (gone,) = [one for one in compute if step.identifier in (None, one.identifier)]
        assert gone.slices == step.slices and step.uuid in ("", gone.uuid), f"{step}: {instance}"
        compute.remove(gone)
    instances[step.start] = GpuInstance(instance.identifier, instance.profile, instance.start, tuple(compute))


def may_join(profile: Profile, start: int, present: Sequence[tuple[Profile, int]]) -> bool:
    """Say whether a card that holds ``present`` takes one more: starts, overlap, numbers and media engines."""
    mine = set(range(start, start + profile.size))
    same = [other for other, dummy in present if other.name == profile.name]
    extended = [other for other, dummy in present if other.name.endswith("+me")]
    return (
        start in profile.starts
        and all(mine.isdisjoint(range(at, at + other.size)) for other, at in present)
        and len(same) < profile.instances
        and not (profile.name.endswith("+me") and extended)
    )


@lru_cache
def configurations(model: str) -> frozenset[Places]:
    """Return every way to cut a card of the model, found by adding slices one by one."""
    table = MODELS[model].profiles
    found: set[Places] = {frozenset()}
    latest = found
    while latest:
        grown: set[Places] = set()
        for places in latest:
            present = [(table[name], start) for name, start in places]
            for profile in table.values():
                grown.update(
                    places | {(profile.name, start)} for start in profile.starts if may_join(profile, start, present)
                )
        latest = grown
        found = found | grown
    return frozenset(found)


def card(model: str, places: Iterable[tuple[str, int]], index: int = 0, broken: Iterable[int] = ()) -> Card:
    """Return a card with MIG on and these slices; those that start at ``broken`` have no compute instance."""
    table = MODELS[model].profiles
    instances = tuple(
        GpuInstance(
            next(NUMBERS),
            table[name],
            start,
            () if start in broken else (ComputeInstance(0, table[name].slices, f"MIG-{index}-{start}"),),
        )
        for name, start in places
    )
    return Card(index, f"GPU-{index}", True, True, instances)


def whole(index: int = 0) -> Card:
    """Return a card with MIG off."""
    return Card(index, f"GPU-{index}", False, False)


def cut(table: Mapping[str, Profile], names: Iterable[str]) -> Wanted:
    """Return a wanted layout as the inventory's would be resolved."""
    return Wanted(True, tuple(profile.name for profile in largest_first(table[name] for name in names)))


@lru_cache
def in_order(model: str) -> list[Places]:
    """Return every way to cut a card in the same order in each run, for seeded choices."""
    return sorted(configurations(model), key=sorted)


def seeded(*words: str) -> random.Random:
    """Return the same choices in each run."""
    return random.Random(" ".join(words))  # noqa: S311  no secret


def plan_one(now: Card, wanted: Wanted, in_use: frozenset[str] = frozenset(), model: str = "A100-40GB") -> Plan:
    """Plan for one card."""
    return make_plan(MODELS[model].profiles, [now], {now.index: wanted}, in_use)


def stays(now: Card, plan: Plan) -> Places:
    """Return the slices that a plan does not destroy."""
    gone = {step.start for step in plan.steps if isinstance(step, DestroyGpuInstance)}
    return frozenset((i.profile.name, i.start) for i in now.instances if i.start not in gone)
