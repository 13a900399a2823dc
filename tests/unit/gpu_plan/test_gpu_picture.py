"""The picture of the capacity report is one page that needs nothing else and says everything in words too."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.drawing import drawing, lanes_of
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.picture import picture

from tests.unit.gpu_plan.reported import MIXED, answer, big_site, card, document, node, pod

HOST = "gpu-a100-1"
SVG = re.compile(r"<svg viewBox=\"0 0 1000.*?</svg>", re.DOTALL)


@pytest.fixture(scope="module")
def page() -> str:
    return picture(big_site())


def boxes(svg: str) -> list[tuple[float, float]]:
    """Return left edge and width of each device of a drawing."""
    found = re.findall(r'<rect class="device" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg)
    return [(round(float(x)) - 1, round(float(width)) + 2) for x, width in found]


def cards_of(report: dict[str, Any]) -> Any:
    return report["hosts"][0]["cards"]


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    assert page.startswith("<!DOCTYPE html>")
    assert re.findall(r"<script|<link|<img|@import|https?://|src=", page) == []


def test_the_page_is_well_formed(page: str) -> None:
    body = page[page.index("<body>") : page.index("</html>")]
    root = ElementTree.fromstring(body)  # noqa: S314  it was made here
    identities = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(identities) == len(set(identities))


def test_every_drawing_has_a_title_and_a_description_of_all_that_it_shows(page: str) -> None:
    drawings = SVG.findall(page)
    assert len(drawings) == 6
    for svg in drawings:
        named = re.search(r'role="img" aria-labelledby="(\S+) (\S+)"', svg)
        assert named and all(f'id="{identity}"' in svg for identity in named.groups())
    assert "card 0, 1g.5gb@3: missing" in page and "card 2, whole card: held by theory/whole" in page


def test_states_differ_by_words_and_not_by_colour_alone(page: str) -> None:
    for kind in ("held", "idle", "missing", "not-offered"):
        texts = re.findall(rf'<g class="{kind}">.*?</g>', page)
        assert texts
        assert kind == "held" or all(f">{kind.replace('-', ' ')}</text>" in text for text in texts)


def test_slices_are_drawn_to_scale() -> None:
    cards = [card(HOST, 0, MIXED)]
    svg = drawing("x", HOST, cards_of(document([node(HOST, cards)], [answer(HOST, cards)])))
    assert boxes(svg) == [(0, 250), (250, 125), (375, 125), (500, 500)]


def test_whole_cards_stand_abreast() -> None:
    cards = [card(HOST, index) for index in range(5)]
    svg = drawing("x", HOST, cards_of(document([node(HOST, cards)], [answer(HOST, cards)])))
    assert boxes(svg) == [(0, 241), (253, 241), (506, 241), (759, 241), (0, 241)]


def test_what_is_missing_stands_below_what_took_its_place() -> None:
    noted, now = [card(HOST, 0, MIXED)], [card(HOST, 0, [("4g.20gb", 0)])]
    (shown,) = cards_of(document([node(HOST, noted)], [answer(HOST, now)]))
    lanes = [[(one["profile"], one["start"]) for one in lane] for lane in lanes_of(shown["devices"])]
    assert lanes == [[("4g.20gb", 0), ("3g.20gb", 4)], [("2g.10gb", 0), ("1g.5gb", 2), ("1g.5gb", 3)]]


def test_names_are_escaped_and_cut_to_fit() -> None:
    cards = [card(HOST, 0, [("1g.5gb", 0)])]
    holder = {f"MIG-{HOST}-0-0": "<script>&" + "x" * 60}
    pods = [pod(name, HOST) for name in holder.values()]
    page = picture(document([node(HOST, cards, offered={"mig-1g.5gb": 1})], [answer(HOST, cards, holder)], pods))
    assert "<script>" not in page
    assert re.search(r"<text[^>]*>&lt;script&gt;&amp;x+…</text>", page)
    assert "theory/&lt;script&gt;&amp;" + "x" * 60 in page


def test_hosts_are_grouped_by_server_where_it_is_known(page: str) -> None:
    assert page.count("<h2>Server ") == 4 and "Server not known" in page
    cards = [card(HOST)]
    assert "<h2>Server" not in picture(document([node(HOST, cards, offered={"gpu": 1})], [answer(HOST, cards)]))


def test_a_site_without_gpus_has_a_page_too() -> None:
    page = picture(document([], []))
    assert "This site has no GPUs." in page and "<svg viewBox" not in page
