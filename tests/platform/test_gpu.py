"""GPU hosts: 42 GPUs out of 18 cards, each held by one pod that sees nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.platform.gpus import SLICE, WHOLE, leaves, listed, listings, offered, pod, reboot, running, said
from tests.platform.site import Lab
from tests.platform.subjects import GPU
from tests.support import eventually

HOST = "gpu-a100-1"

TRY = """
import errno, os, sys
major = int(sys.argv[1])
for minor in map(int, sys.argv[2].split(",")):
    path = f"/tmp/cap{minor}"
    os.mknod(path, 0o20666, os.makedev(major, minor))
    try:
        os.close(os.open(path, os.O_RDONLY))
        print(minor, "opened")
    except OSError as error:
        print(minor, errno.errorcode[error.errno])
"""
"""Makes nodes of capabilities and tries to open them; ENXIO is the answer of a kernel without that driver."""

pytestmark = [
    pytest.mark.rotation("gpu", *GPU, "tests/platform/test_gpu.py"),
    pytest.mark.duration(120),
]


@pytest.fixture(scope="module")
def everything(raised: Lab) -> Iterator[dict[str, str]]:
    """42 pods, one for each GPU of the site, by name with what the real nvidia-smi lists in each; half ask for all."""
    asking: tuple[dict[str, str], ...] = ({}, {"NVIDIA_VISIBLE_DEVICES": "all"})
    slices = [pod(f"slice-{number}", environment=asking[number % 2]) for number in range(28)]
    pods = [*slices, *(pod(f"whole-{number}", WHOLE, environment=asking[number % 2]) for number in range(14))]
    with running(raised, pods) as names:
        yield listings(raised, names)


def test_the_site_offers_42_gpus_out_of_18_cards(raised: Lab) -> None:
    found = offered(raised)
    assert sum(sum(numbers.values()) for numbers in found.values()) == 42, found
    found_there = listed(raised)
    assert {host: sum(numbers.values()) for host, numbers in found.items()} == {
        host: len(leaves(text)) for host, text in found_there.items()
    }
    assert sum(text.count("UUID: GPU-") for text in found_there.values()) == 18


def test_nodes_are_labelled_with_what_their_cards_are(raised: Lab) -> None:
    def labelled(node: str, labels: dict[str, str]) -> bool:
        found = json.loads(raised.kubectl("get", "node", node, "-o", "json"))["metadata"]["labels"]
        return labels.items() <= {name.removeprefix("nvidia.com/"): value for name, value in found.items()}.items()

    cut = {"gpu.product": "NVIDIA-A100-PCIE-40GB", "gpu.count": "3", "mig.strategy": "mixed", "mig-1g.5gb.count": "21"}
    eventually(lambda: labelled("gpu-a100-2", cut), 90, "what the slices are is in labels")
    whole = {"gpu.product": "Tesla-T4", "gpu.count": "8", "gpu.memory": "15360", "mig.capable": "false"}
    eventually(lambda: labelled("gpu-t4-1", whole), 90, "what the cards are is in labels")


def test_42_pods_hold_42_gpus_and_each_sees_its_own_alone(raised: Lab, everything: dict[str, str]) -> None:
    found = {name: leaves(listing) for name, listing in everything.items()}
    assert {len(uuids) for uuids in found.values()} == {1}, found
    held = sorted(uuid for uuids in found.values() for uuid in uuids)
    assert held == sorted(uuid for text in listed(raised).values() for uuid in leaves(text))
    assert len(set(held)) == 42


def test_the_report_says_who_holds_what(raised: Lab, everything: dict[str, str], tmp_path: Path) -> None:
    document, picture = capacity(raised, tmp_path)
    assert [document[key] for key in ("cards", "gpus", "allocated", "idle")] == [18, 42, 42, 0], document["problems"]
    assert document["missing"] == document["problems"] == document["unplaced"] == []
    devices = [one for host in document["hosts"] for card in host["cards"] for one in card["devices"]]
    assert {one["pod"]["name"]: [one["uuid"]] for one in devices} == {
        name: leaves(listing) for name, listing in everything.items()
    }
    assert all(f"default/{name}" in picture for name in everything)


@pytest.mark.usefixtures("everything")
def test_the_capabilities_of_other_slices_cannot_be_opened(raised: Lab) -> None:
    node = json.loads(raised.kubectl("get", "pod", "slice-0", "-o", "json"))["spec"]["nodeName"]
    own = minors(raised.kubectl("exec", "slice-0", "--", "ls", "/dev/nvidia-caps"))
    others = minors(raised.ssh(node).check_output("ls /dev/nvidia-caps")) - own
    major = raised.ssh(node).check_output("awk '/nvidia-caps/ {print $1}' /proc/devices")
    asked = ",".join(map(str, [*own, *others]))
    tried = raised.kubectl("exec", "slice-0", "--", "python3", "-c", TRY, major, asked)
    answers = {int(minor): answer for minor, answer in (line.split() for line in tried.splitlines())}
    assert own and {answers[minor] for minor in own} == {"ENXIO"}, answers
    assert others and {answers[minor] for minor in others} == {"EPERM"}, answers


def test_a_slice_deleted_by_hand_is_named_and_made_again(raised: Lab, tmp_path: Path) -> None:
    host = raised.ssh(HOST)
    instance = host.check_output("nvidia-smi mig -lgi | awk '/MIG 1g.5gb/ {print $6; exit}'")
    host.check_output(f"nvidia-smi mig -i 0 -gi {instance} -dci && nvidia-smi mig -i 0 -gi {instance} -dgi")
    document, picture = capacity(raised, tmp_path)
    assert (document["cards"], document["gpus"]) == (18, 41)
    (missing,) = document["missing"]
    assert missing.startswith(f"{HOST} card 0 1g.5gb@") and missing in "".join(document["problems"])
    assert "missing" in picture
    assert any(missing in failure for failure in raised.status()["failures"])
    raised.site()
    document, picture = capacity(raised, tmp_path)
    assert (document["gpus"], document["missing"], document["problems"]) == (42, [], [])


def test_a_host_that_reboots_has_its_slices_again_before_its_pods(raised: Lab) -> None:
    host = raised.ssh(HOST)
    reboot(host)
    active = "systemctl is-active nvidia-mig-restore kubelet"
    eventually(lambda: said(host, active).split() == ["active", "active"], 60, "slices are restored, the kubelet runs")
    assert len(leaves(host.check_output("nvidia-smi -L"))) == 7
    restored, started = (
        int(host.check_output(f"systemctl show --property={time}TimestampMonotonic --value {unit}"))
        for time, unit in (("ActiveEnter", "nvidia-mig-restore"), ("ExecMainStart", "kubelet"))
    )
    assert restored <= started
    raised.site()
    assert offered(raised)[HOST] == {SLICE: 7}
    raised.playbook("mig").assert_unchanged()
    raised.assert_ok(within=240)  # pods that ran before the node's network crash, and are started again later


def capacity(lab: Lab, folder: Path) -> tuple[dict[str, Any], str]:
    """Return the capacity report, and its picture."""
    document, picture = folder / "capacity.json", folder / "capacity.html"
    files = {"capacity_file": str(document), "capacity_picture": str(picture)}
    lab.playbook("capacity", extra=files).assert_ok()
    return dict(json.loads(document.read_text(encoding="utf-8"))), picture.read_text(encoding="utf-8")


def minors(listing: str) -> set[int]:
    """Return the numbers of capability nodes as ``ls`` lists them."""
    return {int(name.removeprefix("nvidia-cap")) for name in listing.split()}
