# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an inventory declares of a GPU host's cards, checked and resolved. Pure: no I/O.

Variables of a host:

- ``gpu_model``: the model of its cards, a key of ``profiles.MODELS``. A host holds cards of one model.
- ``gpu_count``: how many cards it has.
- ``gpu_layout``: how they are cut. A name such as ``all-1g.5gb`` goes for all cards; a list has an entry for each group
  of cards, with ``slices`` (see ``slices.wanted_slices``), ``cards`` (all, or a list of indices; all if left out) and
  ``model`` (the model that the entry was written for; any other host refuses it). No card may be in two entries, and
  one in none is whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from .cards import WHOLE, Wanted
from .profiles import MODELS
from .slices import closest, is_number, wanted_slices

VARIABLES = ("gpu_model", "gpu_count", "gpu_layout")
ENTRY = ("cards", "model", "slices")


class LayoutError(ValueError):
    """The declaration contradicts itself; ``problems`` holds one sentence for each contradiction."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class Declared:
    """A host with its variables as found, of whatever type."""

    host: str
    model: Any
    count: Any
    layout: Any = None


def declared(variables: Mapping[str, Any]) -> Optional[Declared]:
    """Return what a host's variables (with ``inventory_hostname``) declare; None where they name no GPU."""
    found = [variables.get(name) for name in VARIABLES]
    return None if all(value is None for value in found) else Declared(variables["inventory_hostname"], *found)


def layout_problems(host: Declared) -> list[str]:
    """Return a sentence for each contradiction, with what was found, what is allowed and the remedy."""
    return [f"{host.host}: {problem}" for problem in _read(host)[1]]


def resolve(host: Declared) -> dict[int, Wanted]:
    """Return what each card is to be, by index. Raises LayoutError."""
    wanted, problems = _read(host)
    if problems:
        raise LayoutError([f"{host.host}: {problem}" for problem in problems])
    return wanted


def found_problems(host: Declared, products: Sequence[str]) -> list[str]:
    """Return how the cards found in a host, by NVML's product names, contradict what is declared of it.

    A product that no model here is named after may be a variant of the declared one, and passes.
    """
    models = {model.product: name for name, model in MODELS.items()}
    others = sorted({models[name] for name in products if name in models and models[name] != host.model})
    problems = []
    if len(set(products)) > 1:
        problems.append(_two_models(sorted(set(products))))
    elif others:
        problems.append(f"found cards of model {others[0]}. Declared: {host.model}. Remedy: correct gpu_model.")
    if len(products) != host.count:
        problems.append(
            f"number of cards: found {len(products)}. Declared: {host.count}. Remedy: correct gpu_count, or look for a"
            " card that is missing (lspci, dmesg)."
        )
    return [f"{host.host}: {problem}" for problem in problems]


def _read(host: Declared) -> tuple[dict[int, Wanted], list[str]]:
    problems = [*_model_problems(host), *_count_problems(host)]
    count = host.count if _is_count(host.count) else None
    wanted = dict.fromkeys(range(count or 0), WHOLE)
    owners: dict[int, str] = {}
    entries, more = _entries(host)
    problems.extend(more)
    for where, entry in entries:
        problems.extend(f"{where}: {text}" for text in _form_problems(host, entry))
        cards, more = _cards(entry.get("cards", "all"), count)
        problems.extend(f"{where}: {text}" for text in more)
        twice = sorted(card for card in cards if card in owners)
        if twice:
            problems.append(
                f"{where}: found card {', '.join(map(str, twice))}, which has a layout by {owners[twice[0]]} already."
                " Allowed: one for each card. Remedy: remove it from one of them."
            )
        owners.update(dict.fromkeys(cards, where))
        model = entry.get("model", host.model)
        if isinstance(model, str) and model in MODELS and "slices" in entry:
            state, more = wanted_slices(model, entry["slices"])
            problems.extend(f"{where}: {text}" for text in more)
            wanted.update(dict.fromkeys(cards, state))
    return wanted, problems


def _model_problems(host: Declared) -> Iterator[str]:
    if isinstance(host.model, (list, tuple, set)) and len(host.model) > 1:
        yield _two_models([str(name) for name in host.model])
    elif not isinstance(host.model, str) or host.model not in MODELS:
        yield f"gpu_model: found {host.model}.{_models(host.model)} Remedy: correct it."


def _two_models(names: Sequence[str]) -> str:
    return (
        f"found cards of {len(names)} models ({', '.join(names)}). Allowed: one, since device plugin and feature"
        " discovery cannot tell them apart. Remedy: give each model a virtual machine of its own."
    )


def _models(name: Any) -> str:
    return f"{closest(name, MODELS) if isinstance(name, str) else ''} Allowed: {', '.join(MODELS)}."


def _is_count(count: Any) -> bool:
    return is_number(count) and count >= 1


def _count_problems(host: Declared) -> Iterator[str]:
    if not _is_count(host.count):
        yield f"gpu_count: found {host.count!r}. Allowed: a whole number from 1 on. Remedy: correct it."


def _entries(host: Declared) -> tuple[list[tuple[str, Mapping[str, Any]]], list[str]]:
    """Return the entries with where they stand, and what is no entry."""
    where = "gpu_layout"
    if host.layout is None:
        return [], []
    if isinstance(host.layout, (str, bool)):
        return [(where, {"slices": host.layout})], []
    if not isinstance(host.layout, (list, tuple)):
        return [], [
            f"{where}: found {host.layout!r}. Allowed: a name such as all-1g.5gb, or a list of entries with"
            f" {', '.join(ENTRY)}. Remedy: correct it."
        ]
    numbered = [(f"{where} entry {number}", entry) for number, entry in enumerate(host.layout, start=1)]
    return [(place, entry) for place, entry in numbered if isinstance(entry, Mapping)], [
        f"{place}: found {entry!r}. Needed: an entry with {', '.join(ENTRY)}. Remedy: correct it."
        for place, entry in numbered
        if not isinstance(entry, Mapping)
    ]


def _form_problems(host: Declared, entry: Mapping[str, Any]) -> Iterator[str]:
    for key in entry:
        if key not in ENTRY:
            yield f"found {key}.{closest(str(key), ENTRY)} Allowed: {', '.join(ENTRY)}. Remedy: correct it."
    if "slices" not in entry:
        yield "found no slices. Needed: off, all-<profile> or a list of profiles. Remedy: add slices."
    model = entry.get("model", host.model)
    if "model" in entry and (not isinstance(model, str) or model not in MODELS):
        yield f"found model {model}.{_models(model)} Remedy: correct it."
    elif model != host.model:
        yield f"found a layout for {model}. The host has: {host.model}. Remedy: move it to a host that has {model}."


def _cards(cards: Any, count: Optional[int]) -> tuple[list[int], list[str]]:
    """Return the cards of an entry that the host has, and a sentence for each other."""
    if cards == "all":
        return list(range(count or 0)), []
    if not isinstance(cards, (list, tuple)):
        return [], [f"found cards {cards!r}. Allowed: all, or a list of indices. Remedy: correct it."]
    allowed = f"0 to {count - 1}" if count else "whole numbers from 0 on"
    problems = [
        f"found card {card!r}. Allowed: {allowed}. Remedy: correct cards, or gpu_count."
        for card in cards
        if not is_number(card) or card < 0 or (count is not None and card >= count)
    ]
    known = [card for card in cards if is_number(card) and 0 <= card < (count or 0)]
    repeated = sorted({card for card in known if known.count(card) > 1})
    problems.extend(f"found card {card} twice. Allowed: once. Remedy: correct cards." for card in repeated)
    return list(dict.fromkeys(known)), problems
