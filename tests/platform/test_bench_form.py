"""`make -s bench` prints one JSON document and leaves no guest behind; proven on its short form."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from lab.bench.guests import IMAGES, PREFIX
from lab.machine import guest
from tests.platform.site import Lab
from tests.support import ROOT, eventually

COMMAND = [sys.executable, "-m", "lab.bench", "--rounds", "1", "--quick"]


def benchmark_guests() -> list[str]:
    return [found.name for found in guest.known() if found.name.startswith(PREFIX)]


def assert_nothing_is_left() -> None:
    assert benchmark_guests() == []
    assert not IMAGES.exists()


@pytest.mark.rotation("bench", "lab/bench", "lab/machine", "playbooks/overlay", "roles/", "plugins/")
@pytest.mark.duration(360)
def test_the_short_benchmark_prints_one_document_of_figures(lab: Lab) -> None:
    done = subprocess.run(COMMAND, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-6000:]
    figures = json.loads(done.stdout)
    assert {"cluster_ready", "add_worker_3", "no_change_run", "relayout", "plan_1000_cards"} <= set(figures)
    for name, figure in figures.items():
        assert {"ours", "reference", "ratio", "unit", "runs", "spread"} <= set(figure), name
        assert len(figure["runs"]["ours"]) == len(figure["runs"]["reference"]) == 1, name
    assert figures["cluster_ready"]["ours"] > 0
    assert_nothing_is_left()


@pytest.mark.duration(90)
def test_an_interrupted_benchmark_removes_its_guests(lab: Lab) -> None:
    running = subprocess.Popen(COMMAND, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    eventually(lambda: benchmark_guests() != [] or running.poll() is not None, 60, "the benchmark has a guest")
    running.send_signal(signal.SIGINT)
    printed, log = running.communicate(timeout=60)
    assert running.returncode == 130, log[-4000:]
    assert printed == ""
    assert_nothing_is_left()
