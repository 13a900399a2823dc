# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The drawing of a host's cards in the capacity report: one SVG, to scale by memory slices. Pure: no I/O.

A card that is cut takes the whole width, four whole ones share it. What is missing is drawn where it was, or in a lane
below where something else is there now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from .shown import HELD, MISSING, WHOLE

WIDTH = 1000
ABREAST = 4
"""Whole cards in a row."""
GAP = 12
LABEL = 20
LANE = 60
LINE = 15
LETTER = 6.8
"""Width of a letter of the drawing's font."""

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """Where a card is drawn, and its devices by lane."""

    card: Json
    x: float
    y: float
    width: float
    lanes: tuple[tuple[Json, ...], ...]

    @property
    def height(self) -> int:
        """Height with the label."""
        return LABEL + LANE * len(self.lanes)


def css_class(state: str) -> str:
    """Return the class of a state; each has its fill and its stroke."""
    return state.replace(" ", "-")


def device_name(device: Json) -> str:
    """Return what a device is: a slice with its place, or a whole card."""
    return f"{device['profile']}@{device['start']}" if device["profile"] else "whole card"


def device_text(card: Json, device: Json) -> str:
    """Return the sentence for a device, with who holds it."""
    pod = device["pod"]
    state = f"held by {pod['namespace']}/{pod['name']}" if pod else device["state"]
    return f"card {card['index']}, {device_name(device)}: {state}"


def drawing(identity: str, name: str, cards: Iterable[Json]) -> str:
    """Return the SVG of a host's cards; ``identity`` is unique in the page."""
    cells = list(_cells(cards))
    height = max((cell.y + cell.height for cell in cells), default=0)
    told = ". ".join(device_text(cell.card, one) for cell in cells for lane in cell.lanes for one in lane)
    body = "".join(part for cell in cells for part in _card(cell))
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-labelledby="{identity}-title {identity}-desc">'
        f'<title id="{identity}-title">Cards of {escape(name)}</title>'
        f'<desc id="{identity}-desc">{escape(told)}.</desc>{body}</svg>'
    )


def lanes_of(devices: Iterable[Json]) -> tuple[tuple[Json, ...], ...]:
    """Return devices in as few lanes as have none over another; what is there comes before what is missing."""
    lanes: list[list[Json]] = [[]]
    for device in sorted(devices, key=lambda one: (one["state"] == MISSING, one["start"])):
        for lane in lanes:
            if not any(_overlap(device, other) for other in lane):
                lane.append(device)
                break
        else:
            lanes.append([device])
    return tuple(map(tuple, lanes))


def _overlap(one: Json, other: Json) -> bool:
    return bool(one["start"] < other["start"] + other["size"] and other["start"] < one["start"] + one["size"])


def _cells(cards: Iterable[Json]) -> Iterator[Cell]:
    x = y = 0.0
    below = 0.0
    for card in cards:
        lanes = lanes_of(card["devices"])
        alone = len(card["devices"]) != 1 or bool(card["devices"][0]["profile"])
        width = WIDTH if alone else (WIDTH - (ABREAST - 1) * GAP) / ABREAST
        if x and x + width > WIDTH + 1:
            x, y = 0.0, below
        cell = Cell(card, x, y, width, lanes)
        yield cell
        x += width + GAP
        below = max(below, y + cell.height + GAP)


def _card(cell: Cell) -> Iterator[str]:
    card = cell.card
    label = f"card {card['index']}"
    if card["state"] == MISSING:
        label += ", does not answer"
    elif card["state"] != WHOLE:
        label += f", {card['size']} memory slices"
    yield f'<text class="label" x="{cell.x:g}" y="{cell.y + LABEL - 6:g}">{escape(label)}</text>'
    unit = cell.width / card["size"]
    for number, lane in enumerate(cell.lanes):
        top = cell.y + LABEL + number * LANE
        if not number:
            yield _box("card", cell.x, top, cell.width)
        for device in lane:
            yield _device(card, device, cell.x + device["start"] * unit, top, device["size"] * unit)


def _device(card: Json, device: Json, x: float, y: float, width: float) -> str:
    pod = device["pod"]
    rows = [device_name(device), *([pod["namespace"], pod["name"]] if pod else [device["state"]])]
    room = int((width - 14) / LETTER)
    texts = "".join(
        f'<text x="{x + 8:g}" y="{y + 17 + number * LINE:g}">{escape(_fitting(row, room))}</text>'
        for number, row in enumerate(rows)
    )
    kind = css_class(HELD if pod else device["state"])
    title = escape(f"{device_text(card, device)} ({device['resource']}, {device['uuid'] or 'no UUID'})")
    return f'<g class="{kind}"><title>{title}</title>{_box("device", x + 1, y, width - 2)}{texts}</g>'


def _box(kind: str, x: float, y: float, width: float) -> str:
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{LANE - 6}" rx="4"/>'


def _fitting(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: max(room - 1, 1)]}…"
