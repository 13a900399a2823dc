"""Cards of a GPU host are cut otherwise while pods work on it; what fails half way is taken back."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.gpu import build
from lab.gpu.guest import DRIVER
from tests.platform.gpus import SLICE, WATCH, WHOLE, fault, leaves, listings, offered, pod, reboot, running
from tests.platform.site import Lab, Run, start_playbook
from tests.platform.subjects import GPU
from tests.support import eventually

HOST = "gpu-a100-2"
MIXED = ["3g.20gb", "2g.10gb", "1g.5gb", "1g.5gb"]
OTHERS = {"cards": [1, 2], "slices": "all-1g.5gb"}
BEFORE, MIXED_FIRST, WHOLE_FIRST = "all-1g.5gb", [{"cards": [0], "slices": MIXED}, OTHERS], [OTHERS]
PLUGIN = "(^|/)nvidia-device-plugin$"

pytestmark = [
    pytest.mark.rotation("layouts", *GPU, "tests/platform/test_gpu_layouts.py"),
    pytest.mark.duration(120),
]
Declare = Callable[[Any], Path]


@pytest.fixture
def declare(raised: Lab) -> Iterator[Declare]:
    """Gives the lab's inventory with another layout of the host. At the end it has that of the lab again."""
    with raised.inventory_copy() as inventory:

        def declare(layout: Any) -> Path:
            path = inventory / "hosts.yml"
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            workers = document["all"]["children"]["kubernetes"]["children"]["kube_worker"]
            workers["children"]["gpu"]["hosts"][HOST]["gpu_layout"] = layout
            path.write_text(yaml.safe_dump(document), encoding="utf-8")
            return inventory

        yield declare
        mig(raised, declare(BEFORE)).assert_ok()
        eventually(lambda: offered(raised)[HOST] == {SLICE: 21}, 60, "the node offers what it did before")


def mig(lab: Lab, inventory: Path, **more: Any) -> Run:
    return lab.playbook("mig", "--limit", f"control-1,{HOST}", inventory=inventory, **more)


def schedulable(lab: Lab) -> bool:
    return "unschedulable" not in json.loads(lab.kubectl("get", "node", HOST, "-o", "json"))["spec"]


def cut(lab: Lab) -> list[str]:
    """Return cards and slices of the host, without UUIDs."""
    return re.sub(r" \(UUID: [^)]*\)", "", lab.ssh(HOST).check_output("nvidia-smi -L")).splitlines()


def planned(run: Run) -> dict[str, Any]:
    """Return what the module says of the change that it made, or would make."""
    cut = [item["res"] for item in run.results("runner_on_ok") if item["task"] == "Cut the cards"]
    (result,) = [result for result in cut if "steps" in result]
    return dict(result)


def assert_never_interrupted(lab: Lab, name: str) -> None:
    """A pod was not started again, and has seen its one slice each time that it looked."""
    found = json.loads(lab.kubectl("get", "pod", name, "-o", "json"))
    (container,) = found["status"]["containerStatuses"]
    assert container["restartCount"] == 0 and container["ready"], container
    assert set(lab.kubectl("logs", name).split()) == {"1"}


def assert_one_holder_each(lab: Lab) -> None:
    """No device is seen by two running pods of the host."""
    pods = [item for item in lab.objects("pods", "--namespace=default") if item["spec"].get("nodeName") == HOST]
    names = [item["metadata"]["name"] for item in pods if item["status"]["phase"] == "Running"]
    held = [uuid for listing in listings(lab, names).values() for uuid in leaves(listing)]
    assert len(held) == len(set(held)) == len(names)


@pytest.fixture
def resettable(raised: Lab) -> Iterator[None]:
    """The cards of a cloud that lets its virtual machines reset them, so that a mode changes without a reboot."""
    path = f"{DRIVER}/{build.state_file('cards')}"
    raised.ssh(HOST).check_output(f"sed -i 's/^passthrough yes/passthrough no/' {path}")
    yield
    raised.ssh(HOST).check_output(f"sed -i 's/^passthrough no/passthrough yes/' {path}")


@pytest.mark.usefixtures("resettable")
@pytest.mark.duration(400)
def test_a_layout_is_changed_under_load_and_taken_back(raised: Lab, declare: Declare) -> None:
    every = [pod(f"layout-{number}", command=["python3", "-uc", WATCH], host=HOST) for number in range(21)]
    with running(raised, every) as names:
        held = {name: leaves(listing)[0] for name, listing in listings(raised, names).items()}
        first_card = leaves(raised.ssh(HOST).check_output("nvidia-smi -L"))[:7]
        looked = mig(raised, declare(MIXED_FIRST), check=True).assert_ok()
        plan = planned(looked)
        assert "create GPU instance card 0: 3g.20gb@4" in plan["steps"] and "3g.20gb@4" in looked.output
        assert len(plan["holders"]) == 5 and offered(raised)[HOST] == {SLICE: 21} and schedulable(raised)
        kept = [name for name, uuid in held.items() if uuid in set(first_card) - set(plan["affected"])]
        leaving = next(name for name, uuid in held.items() if uuid in plan["affected"])
        elsewhere = next(name for name, uuid in held.items() if uuid not in first_card)
        staying = [*kept, elsewhere]
        assert len(kept) == 2
        raised.kubectl("delete", "pods", *(name for name in names if name not in [*staying, leaving]))

        mig(raised, declare(MIXED_FIRST)).assert_ok()
        assert offered(raised)[HOST] == {SLICE: 16, "nvidia.com/mig-2g.10gb": 1, "nvidia.com/mig-3g.20gb": 1}
        assert f"pod/{leaving}" not in raised.kubectl("get", "pods", "-o", "name").split() and schedulable(raised)
        mig(raised, declare(MIXED_FIRST)).assert_unchanged()
        larger = [pod(f"layout-{size}g", f"nvidia.com/mig-{size}g.{size * 5}gb", host=HOST) for size in (2,)]
        with running(raised, [*larger, pod("layout-3g", "nvidia.com/mig-3g.20gb", host=HOST)]):
            assert_one_holder_each(raised)
        for name in staying:
            assert_never_interrupted(raised, name)

        mig(raised, declare(WHOLE_FIRST)).assert_ok()
        assert offered(raised)[HOST] == {SLICE: 14, WHOLE: 1} and schedulable(raised)
        mig(raised, declare(WHOLE_FIRST)).assert_unchanged()
        with running(raised, [pod("layout-whole", WHOLE, host=HOST)]):
            assert_one_holder_each(raised)
            mig(raised, declare(BEFORE)).assert_ok()
        assert offered(raised)[HOST] == {SLICE: 21} and schedulable(raised)
        mig(raised, declare(BEFORE)).assert_unchanged()
        assert_one_holder_each(raised)
        assert_never_interrupted(raised, elsewhere)


@pytest.fixture
def refused(raised: Lab) -> Iterator[Callable[[Run], str]]:
    """Asserts that a run failed and left host and node as they were, and returns what it said."""
    before = cut(raised)

    def refused(run: Run) -> str:
        said = run.failures
        assert run.rc != 0 and f"{HOST} has its old layout again" in said, run.output[-4000:]
        assert cut(raised) == before and schedulable(raised), said
        return said

    yield refused


Refused = Callable[[Run], str]


def test_a_creation_that_fails_half_way(raised: Lab, declare: Declare, refused: Refused) -> None:
    with fault(raised, HOST, "create-fails 0 2"):
        said = refused(mig(raised, declare(MIXED_FIRST)))
    assert "could not create GPU instance card 0: 2g.10gb" in said


def test_a_busy_card(raised: Lab, declare: Declare, refused: Refused) -> None:
    with fault(raised, HOST, "busy 0"):
        said = refused(mig(raised, declare(MIXED_FIRST)))
    assert "could not destroy compute instance 1c of card 0" in said and "In use by another client" in said


def test_a_pod_that_refuses_to_leave(raised: Lab, declare: Declare, refused: Refused) -> None:
    spec = {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "stubborn"}}}
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "stay"}, "spec": spec}
    raised.kubectl("apply", "-f", "-", stdin=json.dumps(budget))
    try:
        with running(raised, [pod("stubborn", host=HOST)]):
            said = refused(mig(raised, declare("all-7g.40gb"), extra={"nvidia_mig_drain_timeout": 5}))
            assert "pod default/stubborn is kept by the disruption budget default/stay" in said
            assert "within 5 s" in said
            assert raised.kubectl("get", "pod", "stubborn", "-o", "jsonpath={.status.phase}") == "Running"
    finally:
        raised.kubectl("delete", "poddisruptionbudget", "stay")


def test_a_device_plugin_that_does_not_come_back(raised: Lab, declare: Declare, refused: Refused) -> None:
    raised.ssh(HOST).check_output(f"pkill --signal STOP --full '{PLUGIN}'")
    try:
        said = refused(mig(raised, declare(MIXED_FIRST), extra={"nvidia_mig_offer_timeout": 5}))
    finally:
        raised.ssh(HOST).check_output(f"pkill --signal CONT --full '{PLUGIN}'")
    assert f"devices were not offered within 5 s: {HOST}: found 21 x {SLICE}. Needed: 16 x {SLICE}" in said
    assert "(pod nvidia-device-plugin-" in said


def test_a_way_back_that_fails_too_names_both_reasons_and_the_next_run_mends_it(
    raised: Lab, declare: Declare, tmp_path: Path
) -> None:
    log, inventory = tmp_path / "mig.log", declare(MIXED_FIRST)
    words = ("--limit", f"control-1,{HOST}", "--extra-vars", "nvidia_mig_offer_timeout=15")
    raised.ssh(HOST).check_output(f"pkill --signal STOP --full '{PLUGIN}'")
    try:
        with log.open("wb") as output:
            run = start_playbook("mig", *words, inventory=inventory, output=output)
            eventually(lambda: "MIG 3g" in raised.ssh(HOST).check_output("nvidia-smi -L"), 60, "the card is cut")
            with fault(raised, HOST, "busy 0"):
                assert run.wait(120) != 0
    finally:
        raised.ssh(HOST).check_output(f"pkill --signal CONT --full '{PLUGIN}'")
    text = log.read_text(encoding="utf-8")
    assert f"{HOST} could not have its old layout again. Remedy:" in text
    assert re.search("First: See that the node offers .*devices were not offered within 15 s", text), text[-3000:]
    assert re.search("Then: Cut the cards: could not destroy .*In use by another client", text), text[-3000:]
    assert schedulable(raised)
    mig(raised, inventory).assert_ok()
    assert offered(raised)[HOST] == {SLICE: 16, "nvidia.com/mig-2g.10gb": 1, "nvidia.com/mig-3g.20gb": 1}


def test_a_host_that_reboots_half_way(raised: Lab, declare: Declare, refused: Refused, tmp_path: Path) -> None:
    log = tmp_path / "mig.log"
    with fault(raised, HOST, "create-hangs 0"), log.open("wb") as output:
        run = start_playbook("mig", "--limit", f"control-1,{HOST}", inventory=declare(MIXED_FIRST), output=output)
        host = raised.ssh(HOST)
        try:
            eventually(lambda: host.check_output("nvidia-smi -L").count("MIG 1g") == 16, 60, "slices are destroyed")
            reboot(host)
        except BaseException:
            run.kill()
            raise
    try:
        code = run.wait(180)
    except subprocess.TimeoutExpired:
        run.kill()
        raise
    text = log.read_text(encoding="utf-8")
    ended = Run(code, [{"event": "runner_on_failed", "event_data": {"task": "mig", "res": {"msg": text}}}], text)
    said = refused(ended)
    assert "or the host was rebooted" in said or "went away while its cards were cut" in said
