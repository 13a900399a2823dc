# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps from the cards as they are to the layout as declared.

One plan: check mode returns it, diff shows it, apply runs it. Pure: no I/O.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .cards import Card, GpuInstance, Wanted, card_text, counted, largest_first, layout_of
from .placement import Arrangement, Placed, Present, arrange, span
from .profiles import Profile
from .steps import (
    ChangeMode,
    CreateComputeInstance,
    CreateGpuInstance,
    DestroyComputeInstance,
    DestroyGpuInstance,
    Step,
)


@dataclass(frozen=True)
class Move:
    """A slice that is in the new layout too and yet must be emptied, since new ones (``takers``) need its place."""

    card: int
    profile: str
    start: int
    uuids: tuple[str, ...]
    takers: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"card {self.card}: {self.profile}@{self.start} is wanted in the new layout too, but must be emptied:"
            f" what is wanted has room only if its place goes to {' and '.join(self.takers)}."
        )


@dataclass(frozen=True)
class Plan:
    """The steps in order, the kept slices that must be emptied, and the cards that change as they were before."""

    steps: tuple[Step, ...]
    moves: tuple[Move, ...]
    before: tuple[Card, ...]

    @property
    def changed(self) -> bool:
        """Whether any step alters a card."""
        return bool(self.steps)


def make_plan(
    table: Mapping[str, Profile],
    current: Iterable[Card],
    wanted: Mapping[int, Wanted],
    in_use: Collection[str] = frozenset(),
) -> Plan:
    """Compute the smallest set of steps for the cards of a host; those that nothing is wanted of are left alone.

    ``table`` holds the profiles of the host's card model by name, ``wanted`` is by card index. ``in_use`` are UUIDs of
    MIG devices that somebody holds: among equally small plans, the one that spares most of them. Raises ValueError for
    a card that is not there, a profile that the model has not got, and slices that do not fit.
    """
    cards = {card.index: card for card in current}
    steps: list[Step] = []
    moves: list[Move] = []
    for index, state in sorted(wanted.items()):
        if index not in cards:
            raise ValueError(f"card {index} is wanted, but the host has the cards {sorted(cards)}")
        more, moved = _card(table, cards[index], state, in_use)
        steps.extend(more)
        moves.extend(moved)
    changing = {step.card for step in steps}
    before = tuple(card for index, card in sorted(cards.items()) if index in changing)
    return Plan(tuple(sorted(steps, key=lambda step: step.phase)), tuple(moves), before)


def affected(steps: Iterable[Step]) -> list[str]:
    """Return the UUIDs of GPU and MIG devices that must be free before the steps run, sorted."""
    return sorted({uuid for step in steps for uuid in step.must_be_free})


def differences(current: Iterable[Card], wanted: Mapping[int, Wanted]) -> list[str]:
    """Return a sentence for each way in which the cards are not as wanted; none means that a plan would be empty."""
    cards = {card.index: card for card in current}
    result: list[str] = []
    for index, state in sorted(wanted.items()):
        card = cards.get(index)
        result.extend([f"card {index}: not there. Needed: {state}."] if card is None else _differences(card, state))
    return result


def as_diff(plan: Plan) -> list[dict[str, str]]:
    """Return Ansible's diff: one entry a card that changes."""
    steps: dict[int, list[Step]] = {card.index: [] for card in plan.before}
    for step in plan.steps:
        steps[step.card].append(step)
    return [
        {
            "before_header": f"card {card.index}",
            "after_header": f"card {card.index} (layout)",
            "before": f"{card}\n",
            "after": f"{_after(card, steps[card.index])}\n",
        }
        for card in plan.before
    ]


def _card(
    table: Mapping[str, Profile], card: Card, wanted: Wanted, in_use: Collection[str]
) -> tuple[list[Step], list[Move]]:
    steps: list[Step] = []
    if {card.mig, card.pending} != {wanted.mig}:
        steps.append(ChangeMode(card.index, card.uuid, wanted.mig, card.mig))
    instances = sorted(card.instances, key=lambda instance: instance.start)
    arrangement = _arrangement(table, instances, wanted, in_use)
    kept = [instance for instance in instances if instance.start in arrangement.kept]
    destroyed = [instance for instance in instances if instance.start not in arrangement.kept]
    for instance in destroyed:
        steps.extend(_empty(card, instance))
        steps.append(DestroyGpuInstance(card.index, instance.profile, instance.start, instance.identifier))
    for instance in kept:
        if not instance.is_intact:
            steps.extend(_empty(card, instance))
            steps.append(_fill(card, instance.profile, instance.start))
    for profile, start in arrangement.new:
        steps.extend([CreateGpuInstance(card.index, profile, start), _fill(card, profile, start)])
    return steps, list(_moves(card, destroyed, arrangement.new)) if destroyed else []


def _arrangement(
    table: Mapping[str, Profile], instances: Sequence[GpuInstance], wanted: Wanted, in_use: Collection[str]
) -> Arrangement:
    unknown = sorted(set(wanted.profiles) - set(table))
    if unknown:
        raise ValueError(f"no profile {', '.join(unknown)}; the model has {', '.join(table) or 'none'}")
    present = (
        Present(instance.profile, instance.start, any(uuid in in_use for uuid in instance.uuids), instance.is_intact)
        for instance in instances
    )
    return arrange(tuple(present), tuple(largest_first(table[name] for name in wanted.profiles)))


def _empty(card: Card, instance: GpuInstance) -> Iterator[Step]:
    for compute in instance.compute:
        yield DestroyComputeInstance(
            card.index,
            instance.profile,
            instance.start,
            compute.slices,
            compute.uuid,
            instance.identifier,
            compute.identifier,
        )


def _fill(card: Card, profile: Profile, start: int) -> Step:
    return CreateComputeInstance(card.index, profile, start, profile.slices)


def _moves(card: Card, destroyed: Sequence[GpuInstance], new: Sequence[Placed]) -> Iterator[Move]:
    """Find the destroyed slices that new ones of the same profile replace: those could stay but for their place."""
    replaced = Counter(profile.name for profile, dummy in new)
    for instance in destroyed:
        name = instance.profile.name
        if replaced[name]:
            replaced[name] -= 1
            own = span(instance.profile, instance.start)
            takers = tuple(f"{profile.name}@{start}" for profile, start in new if span(profile, start) & own)
            yield Move(card.index, name, instance.start, instance.uuids, takers)


def _differences(card: Card, wanted: Wanted) -> Iterator[str]:
    for mode, when in ((card.mig, "is"), (card.pending, "is to be")):
        if mode != wanted.mig:
            yield f"card {card.index}: MIG {when} {_mode(mode)}. Needed: {_mode(wanted.mig)}."
            return
    found = layout_of(card)
    if Counter(found.profiles) != Counter(wanted.profiles):
        yield f"card {card.index}: has {counted(found.profiles) or 'no slices'}. Needed: {wanted}."
    for instance in card.instances:
        if not instance.is_intact:
            yield f"card {card.index}: {instance}. Needed: one of {instance.profile.slices}c."


def _mode(mode: bool) -> str:
    return "on" if mode else "off"


def _after(card: Card, steps: Iterable[Step]) -> str:
    """Return the line of a card once its steps are done."""
    mig = card.mig
    places = {instance.start: instance.place for instance in card.instances}
    for step in steps:
        if isinstance(step, ChangeMode):
            mig = step.enabled
        elif isinstance(step, DestroyGpuInstance):
            del places[step.start]
        elif isinstance(step, CreateGpuInstance):
            places[step.start] = f"{step.profile.name}@{step.start}"
    return card_text(card.index, mig, [places[start] for start in sorted(places)])
