# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where slices go on a card. Exact searches, remembered by shape: most cards of a site look alike. Pure: no I/O.

A GPU instance takes its memory slices from one of its profile's starts on, and no two may overlap. Compute slices need
no rule of their own: the starts leave no room for more than a card has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Optional

from .profiles import Profile

Placed = tuple[Profile, int]
"""A profile and the memory slice from which on its instance lies."""

SHAPES = 1 << 16
"""How many shapes are remembered; cards of seven slices have a few thousand."""


@dataclass(frozen=True)
class Present:
    """A slice on a card now, as far as it matters for keeping it."""

    profile: Profile
    start: int
    in_use: bool
    intact: bool


@dataclass(frozen=True)
class Arrangement:
    """Which slices stay (by their start) and where new ones go."""

    kept: tuple[int, ...]
    new: tuple[Placed, ...]


class DoesNotFitError(ValueError):
    """No placement holds the wanted slices together."""


def span(profile: Profile, start: int) -> int:
    """Return the memory slices of an instance as a bit mask."""
    return ((1 << profile.size) - 1) << start


@lru_cache(maxsize=SHAPES)
def place(profiles: tuple[Profile, ...], taken: int = 0) -> Optional[tuple[Placed, ...]]:
    """Return a place for each profile beside the memory slices ``taken`` (a bit mask), or None.

    The first profiles get the lowest free start; give the largest first.
    """
    if not profiles:
        return ()
    first, rest = profiles[0], profiles[1:]
    for start in first.starts:
        if not span(first, start) & taken:
            placed = place(rest, taken | span(first, start))
            if placed is not None:
                return ((first, start), *placed)
    return None


def exceeded(numbers: Mapping[Profile, int]) -> list[Profile]:
    """Return the profiles of which there are more than a card can have, whatever their places."""
    result = [profile for profile, number in numbers.items() if number > profile.instances]
    extended = [profile for profile in numbers if profile.has_media_extensions]
    return result or (extended if len(extended) > 1 else [])


def fits(profiles: tuple[Profile, ...]) -> bool:
    """Return whether an empty card holds the profiles, given the largest first."""
    return not exceeded(Counter(profiles)) and place(profiles) is not None


@lru_cache(maxsize=SHAPES)
def arrange(present: tuple[Present, ...], wanted: tuple[Profile, ...]) -> Arrangement:
    """Return how to reach the wanted slices (the largest first) while destroying as little as can be.

    As many slices stay as can; of such choices the one that keeps most slices in use, then most memory, then most
    intact ones, then the lowest starts. Raises DoesNotFitError where even an empty card has no room.
    """
    too_many = exceeded(Counter(wanted))
    if too_many:
        raise DoesNotFitError(f"more of {', '.join(profile.name for profile in too_many)} than a card can have")
    for kept in _choices(present, wanted):
        taken = sum(span(item.profile, item.start) for item in kept)
        new = place(_without(wanted, kept), taken)
        if new is not None:
            return Arrangement(tuple(item.start for item in kept), new)
    raise DoesNotFitError(f"no placement holds {', '.join(p.name for p in wanted)} together")


def _choices(present: tuple[Present, ...], wanted: tuple[Profile, ...]) -> Iterator[tuple[Present, ...]]:
    """Yield the sets of slices that could stay, the best first."""
    room = Counter(profile.name for profile in wanted)
    useful = [item for item in present if item.profile.name in room]
    for number in range(min(len(useful), len(wanted)), -1, -1):
        sets = (kept for kept in combinations(useful, number) if not Counter(i.profile.name for i in kept) - room)
        yield from sorted(sets, key=_preference)


def _preference(kept: tuple[Present, ...]) -> tuple[int, int, int, list[int]]:
    return (
        -sum(item.in_use for item in kept),
        -sum(item.profile.size for item in kept),
        -sum(item.intact for item in kept),
        [item.start for item in kept],
    )


def _without(wanted: tuple[Profile, ...], kept: tuple[Present, ...]) -> tuple[Profile, ...]:
    """Return the profiles that are still to be created."""
    stays = Counter(item.profile.name for item in kept)
    result = []
    for profile in wanted:
        if stays[profile.name]:
            stays[profile.name] -= 1
        else:
            result.append(profile)
    return tuple(result)
