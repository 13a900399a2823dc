"""GPU hosts: 42 GPUs out of 18 cards, each held by one pod that sees nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.platform.gpus import WHOLE, leaves, listed, listings, offered, pod, running
from tests.platform.site import Lab

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
    pytest.mark.rotation("gpu", "roles/nvidia", "roles/kubernetes_gpu", "playbooks/gpu", "lab/gpu", "plugins/"),
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
    said = listed(raised)
    assert {host: sum(numbers.values()) for host, numbers in found.items()} == {
        host: len(leaves(text)) for host, text in said.items()
    }
    assert sum(text.count("UUID: GPU-") for text in said.values()) == 18


def test_42_pods_hold_42_gpus_and_each_sees_its_own_alone(raised: Lab, everything: dict[str, str]) -> None:
    found = {name: leaves(listing) for name, listing in everything.items()}
    assert {len(uuids) for uuids in found.values()} == {1}, found
    held = sorted(uuid for uuids in found.values() for uuid in uuids)
    assert held == sorted(uuid for text in listed(raised).values() for uuid in leaves(text))
    assert len(set(held)) == 42


@pytest.mark.usefixtures("everything")
def test_the_capabilities_of_other_slices_cannot_be_opened(raised: Lab) -> None:
    node = json.loads(raised.kubectl("get", "pod", "slice-0", "-o", "json"))["spec"]["nodeName"]
    own = minors(raised.kubectl("exec", "slice-0", "--", "ls", "/dev/nvidia-caps"))
    others = minors(raised.ssh(node).check_output("ls /dev/nvidia-caps")) - own
    major = raised.ssh(node).check_output("awk '/nvidia-caps/ {print $1}' /proc/devices")
    asked = ",".join(map(str, [*own, *others]))
    said = raised.kubectl("exec", "slice-0", "--", "python3", "-c", TRY, major, asked)
    answers = {int(minor): answer for minor, answer in (line.split() for line in said.splitlines())}
    assert own and {answers[minor] for minor in own} == {"ENXIO"}, answers
    assert others and {answers[minor] for minor in others} == {"EPERM"}, answers


def minors(listing: str) -> set[int]:
    """Return the numbers of capability nodes as ``ls`` lists them."""
    return {int(name.removeprefix("nvidia-cap")) for name in listing.split()}
