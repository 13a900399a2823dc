# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host's cards as they are, and what is wanted of each. Pure: no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .profiles import Profile


@dataclass(frozen=True)
class ComputeInstance:
    """A compute instance by its ID within its GPU instance; with one of ``slices`` it is a MIG device with a UUID."""

    identifier: int
    slices: int
    uuid: str


@dataclass(frozen=True)
class GpuInstance:
    """A GPU instance by its ID on its card, from memory slice ``start`` on."""

    identifier: int
    profile: Profile
    start: int
    compute: tuple[ComputeInstance, ...] = ()

    @property
    def place(self) -> str:
        """Profile and placement, such as ``1g.5gb@0``."""
        return f"{self.profile.name}@{self.start}"

    @property
    def is_intact(self) -> bool:
        """Whether one compute instance takes all of it: the device plugin offers no other."""
        return [compute.slices for compute in self.compute] == [self.profile.slices]

    @property
    def uuids(self) -> tuple[str, ...]:
        """The UUIDs of its MIG devices."""
        return tuple(compute.uuid for compute in self.compute)

    def __str__(self) -> str:
        if self.is_intact:
            return self.place
        found = ", ".join(f"{compute.slices}c" for compute in self.compute) or "none"
        return f"{self.place} (compute instances: {found})"


@dataclass(frozen=True)
class Card:
    """A card by its index on the host, with its MIG mode now and after the next reset."""

    index: int
    uuid: str
    mig: bool
    pending: bool
    instances: tuple[GpuInstance, ...] = ()

    def __str__(self) -> str:
        shown = [str(instance) for instance in sorted(self.instances, key=lambda instance: instance.start)]
        return card_text(self.index, self.mig, shown)


@dataclass(frozen=True)
class Wanted:
    """What a card is to be: whole (MIG off), or cut into the slices named in ``profiles``, largest first."""

    mig: bool
    profiles: tuple[str, ...] = ()

    def __str__(self) -> str:
        return counted(self.profiles) or "MIG on, no slices" if self.mig else "MIG off"


WHOLE = Wanted(False)


def layout_of(card: Card) -> Wanted:
    """Return what a card is now, as something that can be wanted."""
    if not card.mig:
        return WHOLE
    return Wanted(True, tuple(p.name for p in largest_first(instance.profile for instance in card.instances)))


def as_layout(cards: Iterable[Card]) -> list[dict[str, Any]]:
    """Return cards in the form in which an inventory declares them."""
    states = [(card.index, layout_of(card)) for card in cards]
    return [
        {"cards": [index], "slices": list(state.profiles)} for index, state in states if state.mig and state.profiles
    ]


def largest_first(profiles: Iterable[Profile]) -> list[Profile]:
    """Return profiles by size: the largest have the fewest places."""
    return sorted(profiles, key=lambda profile: (-profile.size, -profile.slices, profile.name))


def counted(names: Iterable[str]) -> str:
    """Return names with their numbers, such as ``3g.20gb, 2 x 1g.5gb``."""
    return ", ".join(f"{number} x {name}" if number > 1 else name for name, number in Counter(names).items())


def card_text(index: int, mig: bool, places: Iterable[str]) -> str:
    """Return a card's line, such as ``card 0: 3g.20gb@0 1g.5gb@4``."""
    return f"card {index}: " + (" ".join(places) or "MIG on, no slices" if mig else "MIG off")
