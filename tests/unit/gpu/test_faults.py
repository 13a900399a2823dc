"""Faults that are played, and processes that are killed or in each other's way."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from lab.gpu import build
from tests.unit.gpu.guest import Guest

Start = Callable[..., Guest]
WAIT_FOR_EVENTS = """
import ctypes, os, sys

class Event(ctypes.Structure):
    _fields_ = [("device", ctypes.c_void_p), ("type", ctypes.c_ulonglong), ("data", ctypes.c_ulonglong),
                ("instance", ctypes.c_uint), ("compute", ctypes.c_uint)]

nvml, faults = ctypes.CDLL(sys.argv[1]), sys.argv[2]
fault = open(faults).read()
os.unlink(faults)
events, card, event = ctypes.c_void_p(), ctypes.c_void_p(), Event()
nvml.nvmlInit_v2()
nvml.nvmlEventSetCreate(ctypes.byref(events))
for index in (0, 1):
    nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(card))
    nvml.nvmlDeviceRegisterEvents(card, ctypes.c_ulonglong(8), events)
open(faults, "w").write(fault)
print(nvml.nvmlEventSetWait_v2(events, ctypes.byref(event), 1000), event.type, event.data)
print(nvml.nvmlEventSetWait_v2(events, ctypes.byref(event), 1))
"""


def test_a_lost_card_is_reported_and_the_others_work(start: Start) -> None:
    guest = start("T4", "T4")
    guest.fault("lost 1")
    said = guest.attempt("-L")
    assert guest.cards[0].uuid in said.stdout
    assert "GPU is lost" in said.stdout + said.stderr
    assert guest.attempt("-i", "1", "-q").returncode == 15
    guest.fault()
    assert guest.cards[1].uuid in guest.smi("-L")


def test_who_waits_for_critical_errors_is_told_of_a_lost_card_once(start: Start) -> None:
    guest = start("T4", "T4")
    guest.fault("lost 1")
    faults = guest.state / build.state_file("faults")
    done = guest.run(sys.executable, "-c", WAIT_FOR_EVENTS, guest.driver / build.SONAME, faults)
    assert done.stdout.split() == ["0", "8", "79", "10"], done.stderr


def test_uncorrected_errors_are_counted(start: Start) -> None:
    guest = start("A100-40GB", "A100-40GB")
    guest.fault("ecc 1 12")
    field = "ecc.errors.uncorrected.volatile.total"
    assert [guest.query(field, card=card) for card in (0, 1)] == [["0"], ["12"]]


def test_a_busy_card_changes_neither_its_mode_nor_its_instances(a100: Guest) -> None:
    a100.mig("-cgi", "9", "-C")
    a100.fault("busy 0")
    assert a100.attempt("mig", "-dci").returncode == 19
    assert "In use by another client" in a100.smi("-mig", "0")
    assert a100.query("mig.mode.current", "mig.mode.pending") == ["Enabled", "Disabled"]
    assert "MIG 3g.20gb" in a100.smi("-L")


def test_the_creation_that_is_to_fail_fails_and_the_next_does_not(a100: Guest) -> None:
    a100.fault("create-fails 0 3")
    said = a100.attempt("mig", "-cgi", "19,19,19")
    assert said.returncode == 23
    assert said.stdout.count("Successfully created GPU instance") == 2
    a100.mig("-cgi", "19")


def test_a_creation_can_fail_for_reasons_unknown_and_a_compute_instance_counts_too(a100: Guest) -> None:
    a100.fault("create-fails 0 2 unknown")
    said = a100.attempt("mig", "-cgi", "19", "-C")
    assert said.stdout.count("Successfully created GPU instance") == 1
    assert "Unknown Error" in said.stdout
    assert "MIG-" not in a100.smi("-L")


def test_a_fault_that_is_written_again_counts_from_anew(a100: Guest) -> None:
    for _ in range(2):
        a100.fault("create-fails 0 1")
        assert a100.attempt("mig", "-cgi", "19").returncode == 23
        a100.mig("-cgi", "19")


def test_two_processes_that_create_at_once_share_the_card(a100: Guest) -> None:
    command = a100.command(a100.program, "mig", "-cgi", "19,19,19,19", "-C")
    both = [
        subprocess.Popen(command, env=a100.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    said = "".join(process.communicate()[0] for process in both)
    assert said.count("Successfully created GPU instance") == 7
    assert said.count("Insufficient Resources") >= 1
    assert len(set(re.findall(r"MIG-[0-9a-f-]{36}", a100.smi("-L")))) == 7


def test_a_state_of_which_half_was_written_is_not_taken_for_one(a100: Guest) -> None:
    listed = []
    for start in (0, 4):
        a100.mig("-cgi", f"9:{start}")
        listed.append(a100.mig("-lgi"))
    file = a100.state / build.state_file("state")
    whole = file.read_bytes()
    half, quarter = len(whole) // 2, len(whole) // 4
    seen = []
    for slot in (0, half):
        file.write_bytes(whole[: slot + quarter] + b"?" * quarter + whole[slot + half :])
        seen.append(a100.mig("-lgi"))
    assert sorted(seen) == sorted(listed)
    a100.mig("-dgi")


def test_a_writer_that_is_killed_leaves_a_whole_state(a100: Guest) -> None:
    work = 'while :; do "$0" mig -cgi 9,9 -C; "$0" mig -dci; "$0" mig -dgi; done'
    for count in range(12):
        writer = subprocess.Popen(
            a100.command("sh", "-c", work, a100.program),
            env=a100.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True, text=True,
        )  # fmt: skip
        assert writer.stdout
        for _ in range(count % 5 + 1):
            writer.stdout.readline()
        subprocess.run(["kill", "-9", "--", f"-{writer.pid}"], check=True)
        writer.communicate()
        assert a100.query("mig.mode.current") == ["Enabled"]
        assert a100.attempt("mig", "-lgi").returncode in (0, 6)
    a100.attempt("mig", "-dci")
    a100.attempt("mig", "-dgi")
    a100.mig("-cgi", "0", "-C")


def test_a_creation_that_hangs_goes_on_when_the_fault_ends(a100: Guest) -> None:
    a100.fault("create-hangs 0")
    words = a100.command(a100.program, "mig", "-i", "0", "-cgi", "19", "-C")
    with subprocess.Popen(words, env=a100.environment, stdout=subprocess.PIPE, text=True) as creating:
        with pytest.raises(subprocess.TimeoutExpired):
            creating.wait(0.5)
        a100.fault()
        assert "Successfully created GPU instance" in creating.communicate()[0]
    assert a100.smi("-L").count("MIG 1g.5gb") == 1
