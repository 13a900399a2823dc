"""`make -s bench` prints one JSON document and leaves no guest behind; proven on its short form."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from lab.bench.guests import IMAGES, PREFIX
from lab.machine import guest
from tests.platform.site import Lab
from tests.platform.subjects import GPU, OVERLAY
from tests.support import ROOT, eventually

COMMAND = [sys.executable, "-m", "lab.bench", "--rounds", "1", "--quick", "--parts"]
OVERLAY_PART = [*COMMAND, "overlay", "relayout"]


def benchmark_guests() -> list[str]:
    return [found.name for found in guest.known() if found.name.startswith(PREFIX)]


def measured(command: list[str]) -> dict[str, Any]:
    """The figures that one short run prints; it leaves nothing behind."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-6000:]
    figures = dict(json.loads(done.stdout))
    for name, figure in figures.items():
        assert {"ours", "reference", "ratio", "unit", "runs", "spread"} <= set(figure), name
        assert len(figure["runs"]["ours"]) == len(figure["runs"]["reference"]) == 1, name
    assert_nothing_is_left()
    return figures


def assert_nothing_is_left() -> None:
    assert benchmark_guests() == []
    assert not IMAGES.exists()


@pytest.mark.rotation("bench", "lab/bench", "lab/machine", *OVERLAY, *GPU)
@pytest.mark.duration(360)
def test_the_short_benchmark_prints_one_document_of_figures(lab: Lab) -> None:
    figures = measured(OVERLAY_PART)
    assert {"cluster_ready", "add_worker_3", "no_change_run", "relayout", "plan_1000_cards"} <= set(figures)
    assert figures["cluster_ready"]["ours"] > 0


@pytest.mark.rotation("bench-database", "lab/bench/database", "lab/bench/bare/database")
@pytest.mark.duration(240)
def test_the_database_is_measured_on_both_sides(host_packages: None) -> None:
    figures = measured([*COMMAND, "database"])
    assert set(figures) == {"database", "database_processors", "transactions"}
    assert figures["transactions"]["ours"] > 0


@pytest.mark.duration(90)
def test_an_interrupted_benchmark_removes_its_guests(lab: Lab) -> None:
    running = subprocess.Popen(OVERLAY_PART, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    eventually(lambda: benchmark_guests() != [] or running.poll() is not None, 60, "the benchmark has a guest")
    running.send_signal(signal.SIGINT)
    printed, log = running.communicate(timeout=60)
    assert running.returncode == 130, log[-4000:]
    assert printed == ""
    assert_nothing_is_left()
