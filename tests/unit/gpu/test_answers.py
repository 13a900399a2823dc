"""What the simulation answers against what a real card did (docs/lab.md says how that was written down)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.settings import REPOSITORY
from tests.unit.gpu.guest import Guest

RECORDED = {"H100-80GB": "h100.json"}


@pytest.mark.parametrize("model", RECORDED)
def test_the_simulation_answers_as_a_real_passed_through_card(start: Callable[..., Guest], model: str) -> None:
    asked = ["python3", "-m", "lab.gpu.answers"]
    done = start(model, passthrough=True).run(*asked, PYTHONPATH=str(REPOSITORY))
    assert done.returncode == 0, done.stderr
    recorded = json.loads((Path(__file__).parent / "answers" / RECORDED[model]).read_text(encoding="utf-8"))
    assert json.loads(done.stdout) == recorded


def test_profiles_of_a_card_can_be_listed_before_it_has_mig_mode(start: Callable[..., Guest]) -> None:
    listed = start("H100-80GB", passthrough=True).mig("-lgip")
    assert re.search(r"MIG 1g.10gb\+me +20 +1/1 ", listed)
