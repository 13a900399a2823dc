"""What a process sees, which is what its device nodes let it reach."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from lab.gpu import device
from tests.unit.gpu.guest import Guest, View

Start = Callable[..., Guest]
CAPABILITY = "/dev/nvidia-caps/nvidia-cap"


def uuids(view: View) -> list[str]:
    return re.findall(r"MIG-[0-9a-f-]{36}", view.smi("-L"))


def nodes_of(guest: Guest, instance: int, compute: int = 0) -> list[str]:
    """Paths of the nodes that give access to a MIG device, by the file that the tools read."""
    text = device.proc_files(guest.cards)[device.MIG_MINORS]
    minors = dict(line.split() for line in text.splitlines())
    names = (f"gpu0/gi{instance}/access", f"gpu0/gi{instance}/ci{compute}/access")
    return [CAPABILITY + minors[name] for name in names]


def instances(guest: Guest) -> list[int]:
    return [int(found) for found in re.findall(r"\|\s+0\s+MIG \S+\s+\d+\s+(\d+)\s+\d+:\d+", guest.mig("-lgi"))]


@pytest.fixture
def cut(a100: Guest) -> Guest:
    """A guest whose card is cut into seven."""
    a100.mig("-cgi", ",".join(["19"] * 7), "-C")
    return a100


def test_a_card_without_its_node_does_not_exist(start: Start) -> None:
    guest = start("T4", "T4", "T4")
    said = guest.pod("/dev/nvidia1").smi("-L")
    assert said == f"GPU 0: Tesla T4 (UUID: {guest.cards[1].uuid})\n"


def test_nothing_works_without_the_control_node(start: Start) -> None:
    guest = start("T4")
    pod = guest.pod("/dev/nvidia0")
    pod.run("rm", "/dev/nvidiactl")
    said = pod.attempt("-L")
    assert said.returncode == 9
    assert "couldn't communicate with the NVIDIA driver" in said.stdout


def test_the_node_of_a_cut_card_shows_the_card_and_no_mig_device(cut: Guest) -> None:
    said = cut.pod("/dev/nvidia0").smi("-L")
    assert said == f"GPU 0: NVIDIA A100-PCIE-40GB (UUID: {cut.cards[0].uuid})\n"


def test_each_of_seven_pods_sees_the_one_device_whose_nodes_it_has(cut: Guest) -> None:
    seen = [uuids(cut.pod("/dev/nvidia0", *nodes_of(cut, instance))) for instance in instances(cut)]
    assert [len(found) for found in seen] == [1] * 7
    assert {found for (found,) in seen} == set(uuids(cut))


def test_both_nodes_of_a_mig_device_are_needed(cut: Guest) -> None:
    first = instances(cut)[0]
    instance, compute = nodes_of(cut, first)
    assert uuids(cut.pod("/dev/nvidia0", instance)) == uuids(cut.pod("/dev/nvidia0", compute)) == []


def test_the_only_device_of_a_pod_is_its_number_0_and_cannot_be_found_by_others_uuids(cut: Guest) -> None:
    last = instances(cut)[-1]
    pod = cut.pod("/dev/nvidia0", *nodes_of(cut, last))
    assert re.search(r"Device  0: \(UUID: MIG-", pod.smi("-L"))
    _, held = pod.hold()
    assert held == uuids(pod)
    other = next(found for found in uuids(cut) if found not in held)
    refused = pod.run(cut.driver / "gpu-hold", other)
    assert (refused.returncode, refused.stderr) == (6, "gpu-hold: Not Found\n")


def test_a_node_that_may_not_be_opened_is_as_good_as_none(start: Start) -> None:
    guest = start("T4", "T4")
    guest.run("chmod", "0", "/dev/nvidia0")
    said = guest.run("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--", guest.program, "-L")
    assert guest.cards[0].uuid not in said.stdout
    assert guest.cards[1].uuid in said.stdout


def test_root_in_a_pod_may_not_change_the_card(cut: Guest) -> None:
    pod = cut.pod("/dev/nvidia0", *nodes_of(cut, instances(cut)[0]))
    assert pod.attempt("mig", "-dci").returncode == 4
    assert pod.attempt("-mig", "0").returncode == 4
    assert len(uuids(cut)) == 7


def test_a_second_card_has_its_capabilities_after_those_of_the_first(start: Start) -> None:
    guest = start("T4", "A30")
    guest.smi("-i", "1", "-mig", "1")
    guest.mig("-i", "1", "-cgi", "14:2", "-C")
    text = device.proc_files(guest.cards)[device.MIG_MINORS]
    minors = dict(line.split() for line in text.splitlines())
    access = [CAPABILITY + minors[name] for name in ("gpu1/gi5/access", "gpu1/gi5/ci0/access")]
    assert uuids(guest.pod("/dev/nvidia1", *access)) == uuids(guest) != []
