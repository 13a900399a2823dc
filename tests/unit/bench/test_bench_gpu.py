"""The figures about cards: the commands by hand are whole, and very many cards are planned in seconds."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from lab.bench import figures, planning
from lab.bench.bare.cards import cut_script, uncordon_script
from lab.bench.guests import worker
from plugins.module_utils.gpu.layout import Declared
from plugins.module_utils.gpu.mig_parted import configuration

LAYOUT = [{"cards": [0, 1], "slices": "all-1g.5gb"}, {"cards": [2], "slices": ["3g.20gb", "2g.10gb"]}]
CONFIGURATION = configuration(Declared("gpu", "A100-40GB", 3, LAYOUT))


def test_the_cards_are_cut_by_hand_to_the_same_configuration() -> None:
    script = cut_script(CONFIGURATION)
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    assert yaml.safe_load(script.partition("<<'END'\n")[2].partition("END\n")[0]) == CONFIGURATION
    assert "--selected-config declared" in script


def test_by_hand_too_the_end_is_that_the_node_offers_the_slices() -> None:
    script = uncordon_script(worker(1), CONFIGURATION)
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    assert r"--for=jsonpath='{.status.allocatable.nvidia\.com/mig-1g\.5gb}'=14" in script
    with pytest.raises(ValueError, match="no slices"):
        uncordon_script(worker(1), configuration(Declared("gpu", "A100-40GB", 1, "off")))


def test_a_thousand_cards_are_planned_in_under_a_second() -> None:
    found = planning.cards(planning.MANY)
    assert found == planning.cards(planning.MANY)
    assert len({tuple(instance.place for instance in one.instances) for one in found}) > 50
    values = planning.values()
    assert values["ours"]["plan_1000_cards"] < values["reference"]["plan_1000_cards"]
    assert "plan_1000_cards" in figures.document([values], {})
