# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The names by which an inventory says how a card is cut, and whether that can be. Pure: no I/O.

Names in use in the field are those of nvidia-mig-parted's stock configurations (github.com/NVIDIA/mig-parted,
deployments): all-1g.5gb, all-1g.5gb.me, all-balanced, all-disabled. A name without memory, such as 1g, is the profile
of that many slices with the least memory and without media extensions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import chain, product
from typing import Any, Optional

from .cards import WHOLE, Wanted, counted, largest_first
from .placement import exceeded, fits
from .profiles import MODELS, Profile, memory_slices

OFF = ("off", "all-disabled")
ALL = "all-"
BALANCED = {8: ("3g", "2g", "1g", "1g"), 4: ("2g", "1g", "1g")}
"""What all-balanced means, by the memory slices of a card."""

KINDS = "off, all-<profile>, all-balanced, a list of profiles, or numbers by profile"


def wanted_slices(model: str, declared: Any) -> tuple[Wanted, list[str]]:
    """Return what a card of the model is to be, or else why it cannot: sentences with found, allowed and remedy.

    ``declared`` is one of: "off" or "all-disabled"; "all-<profile>" for as many as fit; "all-balanced"; a list of
    profiles; numbers by profile.
    """
    # YAML reads a bare off as false, and a bare on as true.
    if declared is False or declared in OFF:
        return WHOLE, []
    table = MODELS[model].profiles
    if not table:
        return WHOLE, [
            f"found slices {_shown(declared)} on cards of model {model}, which have no MIG. Allowed: off."
            " Remedy: remove the layout, or move it to a host whose cards have MIG."
        ]
    if declared is True or declared in ("on", "all-enabled") or declared == [] or declared == {}:
        return WHOLE, [
            "found MIG on without slices, with which the device plugin offers no GPU of the host."
            f" Allowed: {KINDS}. Remedy: name the slices, or off."
        ]
    names, problems = _names(table, declared)
    numbers: Counter[Profile] = Counter()
    for name, number in names.items():
        profile = profile_named(table, name)
        if profile is None:
            problems.append(_unknown(model, table, name))
        else:
            numbers[profile] += number
    problems = problems or list(fit_problems(model, numbers))
    if problems:
        return WHOLE, problems
    return Wanted(True, tuple(profile.name for profile in largest_first(numbers.elements()))), []


def profile_named(table: Mapping[str, Profile], name: str) -> Optional[Profile]:
    """Return the profile of a name in any of its spellings: 1g.5gb+me, 1g.5gb.me, 1g."""
    if name.endswith(".me"):
        name = f"{name[: -len('.me')]}+me"
    if name in table:
        return table[name]
    alike = [p for p in table.values() if f"{p.slices}g" == name and not p.has_media_extensions]
    return min(alike, key=lambda profile: profile.memory) if alike else None


def fit_problems(model: str, numbers: Mapping[Profile, int]) -> Iterator[str]:
    """Say why a card cannot hold so many of each profile, and what of it fits."""
    too_many = exceeded(numbers)
    if not too_many and fits(tuple(largest_first(Counter(numbers).elements()))):
        return
    memory = sum(profile.size * number for profile, number in numbers.items())
    if any(profile.has_media_extensions for profile in too_many):
        why = "media extensions (+me) are there once on a card"
    elif too_many:
        why = ", ".join(f"at most {profile.instances} of {profile.name} fit" for profile in too_many)
    elif memory > memory_slices(MODELS[model].profiles):
        why = f"they take {memory} memory slices, the card has {memory_slices(MODELS[model].profiles)}"
    else:
        starts = "; ".join(f"{p.name} at {', '.join(map(str, p.starts))}" for p in largest_first(numbers))
        why = f"they overlap wherever they are placed (possible starts: {starts})"
    found = ", ".join(f"{numbers[p]} x {p.name}" if numbers[p] > 1 else p.name for p in largest_first(numbers))
    yield (
        f"found slices {found}, which do not fit on an {model}: {why}."
        f" Allowed: {counted(p.name for p in _nearest(numbers))}. Remedy: declare fewer or smaller slices."
    )


def _names(table: Mapping[str, Profile], declared: Any) -> tuple[dict[str, int], list[str]]:
    """Return the declared names of profiles with their numbers, and what is wrong with the form."""
    wrong = f" Allowed: {KINDS}. Remedy: correct slices."
    if isinstance(declared, str):
        if declared == f"{ALL}balanced":
            return dict(Counter(BALANCED[memory_slices(table)])), []
        if not declared.startswith(ALL):
            return {}, [f"found slices {declared}.{closest(declared, [ALL + name for name in table])}{wrong}"]
        profile = profile_named(table, declared[len(ALL) :])
        return {declared[len(ALL) :]: profile.instances if profile else 1}, []
    if isinstance(declared, Mapping):
        problems = [
            f"found {number!r} of slices {name}. Needed: a number from 1 on. Remedy: correct it."
            for name, number in declared.items()
            if not is_number(number) or number < 1
        ]
        return {str(name): number for name, number in declared.items()} if not problems else {}, problems
    if isinstance(declared, (list, tuple)):
        problems = [
            f"found {_shown(name)} among slices. Needed: a profile. Remedy: correct it."
            for name in declared
            if not isinstance(name, str)
        ]
        return dict(Counter(name for name in declared if isinstance(name, str))), problems
    return {}, [f"found slices {_shown(declared)}.{wrong}"]


def is_number(value: Any) -> bool:
    """Return whether a value is a whole number; Python counts true and false among them."""
    return isinstance(value, int) and not isinstance(value, bool)


def closest(name: str, known: Iterable[str]) -> str:
    """Return a sentence with the names most like a misspelt one, or nothing."""
    alike = get_close_matches(name, list(known), n=2)
    return f" Closest: {' or '.join(alike)}." if alike else ""


def _unknown(model: str, table: Mapping[str, Profile], name: str) -> str:
    return (
        f"found profile {name}, which an {model} has not got.{closest(name, table)} Allowed: {', '.join(table)}."
        " Remedy: correct slices."
    )


def _nearest(numbers: Mapping[Profile, int]) -> tuple[Profile, ...]:
    """Return the part of what is wanted that fits and takes most memory slices, then most compute slices."""
    parts = [
        [(profile,) * number for number in range(min(numbers[profile], profile.instances), -1, -1)]
        for profile in largest_first(numbers)
    ]
    fitting = (part for choice in product(*parts) if fits(part := tuple(chain.from_iterable(choice))))
    return max(fitting, key=lambda part: (sum(p.size for p in part), sum(p.slices for p in part), len(part)))


def _shown(declared: Any) -> str:
    return declared if isinstance(declared, str) else repr(declared)
