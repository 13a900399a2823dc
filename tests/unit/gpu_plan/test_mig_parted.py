"""A layout in the words of nvidia-mig-parted, and what its own choice of places means for the next plan."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations, product
from typing import Any

import pytest
import yaml
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.layout import Declared, LayoutError
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.mig_parted import configuration, record_of
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.placement import span
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.plan import differences, make_plan
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.profiles import MODELS, Profile

from tests.unit.gpu_plan.simulator import card, cut

MIXED = ["3g.20gb", "2g.10gb", "1g.5gb", "1g.5gb"]


def entries(layout: Any, count: int = 3, model: str = "A100-40GB") -> list[dict[str, Any]]:
    written = configuration(Declared("gpu-1", model, count, layout))
    assert written["version"] == "v1" and list(written["mig-configs"]) == ["declared"]
    return list(written["mig-configs"]["declared"])


def test_equal_cards_are_one_entry_and_every_card_is_in_one() -> None:
    layout = [{"cards": [0, 2], "slices": "all-1g.5gb"}]
    assert entries(layout) == [
        {"devices": [0, 2], "mig-enabled": True, "mig-devices": {"1g.5gb": 7}},
        {"devices": [1], "mig-enabled": False},
    ]


def test_a_layout_is_counts_by_profile_however_it_was_declared() -> None:
    counts = {"3g.20gb": 1, "2g.10gb": 1, "1g.5gb": 2}
    for slices in (MIXED, MIXED[::-1], counts, "all-balanced", ["3g", "2g", "1g", "1g"]):
        assert entries([{"slices": slices}]) == [{"devices": [0, 1, 2], "mig-enabled": True, "mig-devices": counts}]


def test_whole_cards_that_could_be_cut_are_said_to_be_whole() -> None:
    for layout in (None, "off", "all-disabled", False):
        assert entries(layout, count=2) == [{"devices": [0, 1], "mig-enabled": False}]


@pytest.mark.parametrize("model", ["T4", "RTX5000"])
def test_cards_without_mig_have_no_configuration(model: str) -> None:
    assert configuration(Declared("gpu-1", model, 8, None)) == {}
    assert record_of(Declared("gpu-1", model, 8, None)) is None


def test_a_layout_that_cannot_be_has_no_configuration_but_its_problems() -> None:
    with pytest.raises(LayoutError, match="gpu-1"):
        configuration(Declared("gpu-1", "T4", 1, "all-1g.5gb"))
    with pytest.raises(LayoutError, match="at most 7"):
        configuration(Declared("gpu-1", "A100-40GB", 1, [{"slices": {"1g.5gb": 8}}]))


def test_the_file_is_the_configuration_under_a_line_that_says_whose_it_is() -> None:
    host = Declared("gpu-1", "A100-40GB", 1, "all-1g.5gb")
    text = record_of(host) or ""
    assert text.startswith("# Written by ai_infn.platform.nvidia_mig") and yaml.safe_load(text) == configuration(host)


def arrangements(names: list[str], table: Mapping[str, Profile]) -> list[list[tuple[str, int]]]:
    """Return every way in which slices of these profiles can lie on a card."""
    found = []
    for starts in product(*(table[name].starts for name in names)):
        places = list(zip(names, starts, strict=True))
        spans = [span(table[name], start) for name, start in places]
        if not any(one & other for one, other in combinations(spans, 2)):
            found.append(places)
    return found


@pytest.mark.parametrize(("names", "ways"), [(MIXED, 2), (["3g.20gb", "2g.10gb", "1g.5gb"], 5)])
def test_no_plan_follows_from_slices_that_were_restored_to_other_places(names: list[str], ways: int) -> None:
    table = MODELS["A100-40GB"].profiles
    wanted = {0: cut(table, names)}
    found = arrangements(names, table)
    assert len({tuple(sorted(places)) for places in found}) == ways
    for places in found:
        host = [card("A100-40GB", places)]
        assert not make_plan(table, host, wanted).changed, places
        assert differences(host, wanted) == [], places
