"""MIG mode, which takes effect by a reset of the card or a reboot of the host."""

from __future__ import annotations

from collections.abc import Callable

from tests.unit.gpu.guest import NOBODY, Guest

Start = Callable[..., Guest]
MODES = ("mig.mode.current", "mig.mode.pending")
ENABLED, DISABLED = ["Enabled", "Enabled"], ["Disabled", "Disabled"]
PENDING = ["Disabled", "Enabled"]


def test_setting_the_mode_resets_an_idle_card_at_once(start: Start) -> None:
    guest = start("A100-40GB", "A30")
    assert "Enabled MIG Mode for GPU 00000000:08:00.0" in guest.smi("-i", "1", "-mig", "1")
    assert guest.query(*MODES, card=0) == DISABLED
    assert guest.query(*MODES, card=1) == ENABLED


def test_the_mode_of_a_held_card_stays_pending_until_a_reset(start: Start) -> None:
    guest = start("A100-40GB")
    client, _ = guest.hold()
    assert "pending enable state for GPU 00000000:07:00.0:In use by another client" in guest.smi("-mig", "1")
    assert guest.query(*MODES) == PENDING
    refused = guest.attempt("--gpu-reset", "-i", "0")
    assert refused.returncode == 19
    assert "In use by another client" in refused.stdout
    client.kill()
    client.wait()
    assert "was successfully reset" in guest.smi("--gpu-reset", "-i", "0")
    assert guest.query(*MODES) == ENABLED


def test_a_card_that_is_passed_through_changes_its_mode_by_a_reboot_only(start: Start) -> None:
    guest = start("A100-40GB", passthrough=True)
    assert "MIG mode is in pending enable state" in guest.smi("-mig", "1")
    refused = guest.attempt("--gpu-reset", "-i", "0")
    assert (refused.returncode, "Not Supported" in refused.stdout) == (3, True)
    assert guest.query(*MODES) == PENDING
    guest.reboot()
    assert guest.query(*MODES) == ENABLED


def test_a_pending_mode_can_be_taken_back(start: Start) -> None:
    guest = start("A100-40GB", passthrough=True)
    guest.smi("-mig", "1")
    guest.smi("-mig", "0")
    guest.reboot()
    assert guest.query(*MODES) == DISABLED


def test_the_mode_survives_a_reboot_on_ampere_and_instances_do_not(a100: Guest) -> None:
    a100.mig("-cgi", "9,9", "-C")
    a100.reboot()
    assert a100.query(*MODES) == ENABLED
    assert a100.attempt("mig", "-lgi").returncode == 6


def test_the_mode_is_gone_after_a_reboot_on_hopper(start: Start) -> None:
    guest = start("H100-80GB")
    guest.smi("-mig", "1")
    guest.reboot()
    assert guest.query(*MODES) == DISABLED


def test_instances_stay_while_the_host_runs_and_a_mode_that_is_set_already_is_no_reset(a100: Guest) -> None:
    a100.mig("-cgi", "9", "-C")
    before = a100.smi("-L")
    a100.smi("-mig", "1")
    assert a100.smi("-L") == before
    a100.smi("-mig", "0")
    a100.smi("-mig", "1")
    assert "MIG" not in a100.smi("-L")


def test_instances_are_gone_after_a_reboot_also_for_a_pod_that_looks_first(a100: Guest) -> None:
    a100.mig("-cgi", "9", "-C")
    every = [node.path for node in a100.nodes]
    assert "MIG 3g.20gb" in a100.pod(*every).smi("-L")
    a100.reboot()
    assert "MIG" not in a100.pod(*every).smi("-L")


def test_cards_without_mig_refuse_it(start: Start) -> None:
    guest = start("T4", "RTX5000")
    assert guest.smi("-mig", "1").count("Not Supported") == 2
    assert "No MIG-supported devices found" in guest.attempt("mig", "-lgip").stdout


def test_only_root_may_change_the_mode(start: Start) -> None:
    guest = start("A100-40GB")
    said = guest.run(*NOBODY, guest.program, "-mig", "1")
    assert said.returncode == 4
    assert "Insufficient Permissions" in said.stdout
    assert guest.query(*MODES) == DISABLED
