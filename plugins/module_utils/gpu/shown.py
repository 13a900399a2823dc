# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host's cards as the capacity report shows them: what each part of a card is and who holds it. Pure: no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from .capacity import WHOLE_CARD, resource_name
from .note import lost_slices
from .profiles import MODELS, memory_slices

HELD, IDLE, MISSING, NOT_OFFERED = "held", "idle", "missing", "not offered"
"""States of a device: a pod has it, a pod can have it, it was made and is no more there, no pod can have it."""
WHOLE, CUT = "whole", "cut"
"""States of a card that answers; another one is missing."""

Json = Mapping[str, Any]


@dataclass(frozen=True)
class View:
    """What else must be known to show a host's cards.

    ``pods`` are the living ones by UID, ``holders`` the pods' UIDs by device, ``offered`` the resources that the
    cluster offers of the host.
    """

    model: str
    holders: Mapping[str, str]
    pods: Mapping[str, Json]
    offered: Mapping[str, int]

    @property
    def size(self) -> int:
        """How many memory slices a card has."""
        return memory_slices(MODELS[self.model].profiles) if self.model in MODELS else 1

    def profile_size(self, profile: str) -> int:
        """How many memory slices a slice takes."""
        known = MODELS[self.model].profiles.get(profile) if self.model in MODELS else None
        return known.size if known else 1

    def device(self, uuid: str, slice_: Optional[Json], offered: bool = True) -> dict[str, Any]:
        """Return a whole card, or a slice of one, with its state."""
        profile = slice_["profile"] if slice_ else ""
        resource = resource_name(profile) if profile else WHOLE_CARD
        pod = self.pods.get(self.holders.get(uuid, ""))
        state = HELD if pod else IDLE if offered and self.offered.get(resource) else NOT_OFFERED
        return {
            "resource": resource,
            "profile": profile,
            "start": slice_["start"] if slice_ else 0,
            "size": self.profile_size(profile) if profile else self.size,
            "uuid": uuid,
            "state": state,
            "pod": {"namespace": pod["namespace"], "name": pod["name"]} if pod else None,
        }

    def missing(self, uuid: str, slice_: Optional[Json]) -> dict[str, Any]:
        """Return a whole card or a slice that is not there."""
        return {**self.device(uuid, slice_), "state": MISSING, "pod": None}


def shown_cards(cards: Iterable[Json], noted: Iterable[Json], view: View) -> list[dict[str, Any]]:
    """Return the cards that answer, and those that were noted and do not, by index."""
    notes = {card["uuid"]: card for card in noted}
    shown = [_answering(card, notes.pop(card["uuid"], None), view) for card in cards]
    shown += [_lost(card, view) for card in notes.values()]
    return sorted(shown, key=lambda card: card["index"])


def _answering(card: Json, noted: Optional[Json], view: View) -> dict[str, Any]:
    lost = lost_slices(noted, card) if noted and noted["mig"] else []
    places = [(one["profile"], one["start"]) for one in lost]
    # A slice that has lost its compute instance is shown once, as the missing one that it was.
    there = [one for one in card["slices"] if one["intact"] or (one["profile"], one["start"]) not in places]
    devices = [view.device(one["uuid"], one, one["intact"]) for one in there]
    if not card["mig"]:
        devices = [view.device(card["uuid"], None)]
    devices += [view.missing("", one) for one in lost]
    if noted and card["mig"] and not noted["mig"]:
        devices.append(view.missing(card["uuid"], None))
    return _card(card, CUT if card["mig"] else WHOLE, view, devices)


def _lost(card: Json, view: View) -> dict[str, Any]:
    slices = card["slices"] if card["mig"] else [None]
    return _card(card, MISSING, view, [view.missing("" if one else card["uuid"], one) for one in slices])


def _card(card: Json, state: str, view: View, devices: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("index", "uuid", "mig")
    return {**{name: card[name] for name in names}, "state": state, "size": view.size, "devices": devices}


def missing_names(host: str, cards: Iterable[Json]) -> list[str]:
    """Return the name of each card and each slice that is not there, such as ``gpu-1 card 0 1g.5gb@3``."""
    names = []
    for card in cards:
        place = f"{host} card {card['index']}"
        if card["state"] == MISSING:
            names.append(f"{place} ({card['uuid']})")
        for one in card["devices"]:
            if one["state"] == MISSING and one["profile"]:
                names.append(f"{place} {one['profile']}@{one['start']}")
            elif one["state"] == MISSING and card["state"] != MISSING:
                names.append(f"{place} as a whole ({card['uuid']})")
    return names


def has(cards: Iterable[Json]) -> Counter[str]:
    """Return how many GPUs the cards of a host are, as its driver answers, by resource."""
    found: Counter[str] = Counter()
    for card in cards:
        if card["mig"]:
            found.update(resource_name(one["profile"]) for one in card["slices"] if one["intact"])
        else:
            found[WHOLE_CARD] += 1
    return found


def several(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 GPU`` or ``7 GPUs``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
