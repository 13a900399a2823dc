"""The lab itself: raised again it does nothing, killed it recovers, gone it leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab import fabric, processes, settings, supervise, sysctls
from lab.machine import guest
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


def running() -> dict[str, int | None]:
    """Process ids of the lab's programs and guests by name; what these run for a moment does not count."""
    programs = {name: info["pid"] for name, info in supervise.states().items()}
    return programs | {found.name: guest.running_process(found) for found in guest.known()}


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
    before = running()
    lab_command("up")
    assert running() == before
    lab.assert_ok()


def test_the_last_card_is_given_once_when_many_ask_at_once(raised: Lab) -> None:
    asked = {"endpoint_filter": {"service_type": "placement"}, "microversion": "1.38", "raise_exc": False}
    ask, admin = raised.admin.session.request, raised.admin
    provider, kind = str(uuid.uuid4()), "CUSTOM_LAST_CARD"
    consumers = [str(uuid.uuid4()) for _number in range(24)]
    owner = {"project_id": admin.current_project_id, "user_id": admin.current_user_id, "consumer_type": "INSTANCE"}
    claim = {"allocations": {provider: {"resources": {kind: 1}}}, "consumer_generation": None, **owner}
    stock = {"resource_provider_generation": 0, "inventories": {kind: {"total": 1}}}
    assert ask(f"/resource_classes/{kind}", "PUT", **asked).ok
    try:
        assert ask("/resource_providers", "POST", json={"name": provider, "uuid": provider}, **asked).ok
        assert ask(f"/resource_providers/{provider}/inventories", "PUT", json=stock, **asked).ok
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda one: ask(f"/allocations/{one}", "PUT", json=claim, **asked), consumers))
        assert [answer.status_code for answer in answers].count(204) == 1, [answer.text for answer in answers]
    finally:
        for consumer in consumers:
            ask(f"/allocations/{consumer}", "DELETE", **asked)
        ask(f"/resource_providers/{provider}", "DELETE", **asked)
        ask(f"/resource_classes/{kind}", "DELETE", **asked)


@pytest.mark.duration(300)
@pytest.mark.rotation("lab-recovery", "lab/")
def test_a_lab_whose_every_process_was_killed_comes_back_with_its_site(mended: Lab) -> None:
    assert kill_everything() > 10
    lab_command("up")
    mended.site()
    mended.assert_ok(within=120)  # pods that come back before the API server does crash, and are started again later


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
