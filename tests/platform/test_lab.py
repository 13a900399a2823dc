"""The lab itself: raised again it does nothing, killed it recovers, gone it leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import fabric, processes, settings, sysctls
from tests.platform.site import Lab
from tests.support import ROOT, checked


def lab_command(verb: str) -> float:
    """Run ``python -m lab VERB`` and return the seconds it took."""
    started = time.monotonic()
    checked([sys.executable, "-m", "lab", verb], cwd=ROOT)
    return time.monotonic() - started


def containers() -> list[str]:
    """Ids of all containers of the lab, running or not."""
    listed = checked(["podman", "ps", "--all", "--quiet", "--filter", f"label={settings.LABEL}"])
    return listed.split()


def kill_everything() -> int:
    """Send SIGKILL to every process of the lab, and to the first process of every guest; return how many."""
    victims = [process.pid for process in processes.marked()]
    for container in containers():
        victims.append(int(checked(["podman", "inspect", "--format", "{{.State.Pid}}", container])))
    for victim in filter(None, victims):
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:  # ended with its parent
            continue
    return len(victims)


def test_raising_the_lab_again_changes_nothing(lab: Lab) -> None:
    before = {process.pid for process in processes.marked()}
    lab_command("up")
    assert before <= {process.pid for process in processes.marked()}
    lab.assert_ok()


@pytest.mark.duration(300)
@pytest.mark.rotation("lab-recovery", "lab/")
def test_a_lab_whose_every_process_was_killed_comes_back_with_its_site(mended: Lab) -> None:
    assert kill_everything() > 10
    lab_command("up")
    mended.site()
    mended.assert_ok()


@pytest.mark.last
@pytest.mark.duration(60)
def test_down_leaves_nothing_behind(raised: Lab) -> None:
    noted = sysctls.NOTE.read_text(encoding="utf-8")
    lab_command("down")
    assert containers() == []
    assert processes.marked() == []
    assert not fabric.exists() and not Path(f"/sys/class/net/{settings.HOST_LINK}").exists()
    assert not settings.STATE.exists() and not settings.RUN.exists()
    assert str(settings.STATE) not in Path("/proc/mounts").read_text(encoding="utf-8")
    assert str(settings.STATE) not in subprocess.run(["losetup"], capture_output=True, text=True, check=True).stdout
    values = json.loads(noted)
    assert sysctls.read(list(values)) == values
