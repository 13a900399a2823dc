"""Clients of cards and MIG devices: who holds what cannot be taken away."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable

from tests.unit.gpu.guest import Guest

Start = Callable[..., Guest]


def test_a_client_holds_every_device_that_it_sees(a100: Guest) -> None:
    a100.mig("-cgi", "9,19", "-C")
    _, held = a100.hold()
    assert held == re.findall(r"MIG-[0-9a-f-]{36}", a100.smi("-L"))


def test_a_client_of_a_whole_card_is_listed_with_its_process(start: Start) -> None:
    guest = start("T4", "T4")
    client, held = guest.hold(guest.cards[1].uuid)
    listed = guest.smi("--query-compute-apps=pid,name,gpu_uuid", "--format=csv,noheader").strip()
    assert listed == f"{client.pid}, {guest.driver / 'gpu-hold'}, {held[0]}"
    assert guest.query("memory.used", card=1) != ["0"]


def test_a_compute_instance_in_use_is_not_destroyed_and_its_neighbour_is(a100: Guest) -> None:
    a100.mig("-cgi", "9:4,19:0", "-C")
    large = re.findall(r"MIG \S+ .*(MIG-[0-9a-f-]{36})", a100.smi("-L"))[0]
    client, _ = a100.hold(large)
    said = a100.attempt("mig", "-dci")
    assert said.returncode == 19
    assert re.findall(r"MIG-[0-9a-f-]{36}", a100.smi("-L")) == [large]
    client.kill()
    client.wait()
    a100.mig("-dci")


def test_the_process_of_a_mig_device_is_listed_with_its_instances(a100: Guest) -> None:
    a100.mig("-cgi", "9:4", "-C")
    client, _ = a100.hold()
    row = re.search(r"\|\s+0\s+(\d+)\s+(\d+)\s+(\d+)\s+C\s", a100.smi())
    assert row
    assert row.groups() == ("2", "0", str(client.pid))


def test_a_claim_ends_with_its_process_however_that_dies(start: Start) -> None:
    guest = start("A100-40GB")
    for ending in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV):
        client, _ = guest.hold()
        os.kill(client.pid, ending)
        client.wait()
    assert guest.smi("-mig", "1").startswith("Enabled MIG Mode")
    assert guest.query("mig.mode.current") == ["Enabled"]


def test_a_process_of_another_pid_namespace_is_listed_with_its_number_here(start: Start) -> None:
    guest = start("T4")
    pod = guest.pod("/dev/nvidia0")
    nested = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    pod.command = lambda *words: Guest.command(pod, *nested, *words)  # type: ignore[method-assign]
    pod.hold()
    (listed,) = guest.smi("--query-compute-apps=pid", "--format=csv,noheader").split()
    assert int(listed) > 1
    assert "gpu-hold" in guest.run("cat", f"/proc/{listed}/cmdline").stdout


def test_a_card_in_mig_mode_without_instances_cannot_be_held(a100: Guest) -> None:
    said = a100.run(a100.driver / "gpu-hold")
    assert said.returncode == 28
