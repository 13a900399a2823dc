"""What is found and decided after a crash."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab import processes, settings, sysctls
from lab.drivers.nova import inventory
from lab.openstack import reports

NAME = "nova-compute-gpu-server-1"
STARTED = {name: datetime(2026, 11, 24, 8, 0, tzinfo=UTC) for name in reports.REPORTING}


def test_the_mark_is_a_whole_variable() -> None:
    assert processes.has_mark(b"PATH=/bin\0AI_INFN_LAB=1\0HOME=/root\0")
    assert not processes.has_mark(b"PATH=/bin\0NOT_AI_INFN_LAB=1\0")
    assert not processes.has_mark(b"AI_INFN_LAB=10\0")
    assert not processes.has_mark(b"")


def test_marked_processes_are_found_and_zombies_are_not(tmp_path: Path) -> None:
    for pid, state, environment in (
        (101, "S", b"AI_INFN_LAB=1\0"),
        (102, "Z", b"AI_INFN_LAB=1\0"),
        (103, "S", b"A=1\0"),
    ):
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "environ").write_bytes(environment)
        (folder / "stat").write_text(f"{pid} (nova (api)) {state} 1 0 0", encoding="utf-8")
    assert processes.marked(tmp_path) == [processes.Process(101, 1, "nova (api)")]


@pytest.mark.parametrize("name", ["nginx", "nova-conductor:"])
def test_a_program_whose_title_lies_over_its_environment_is_known_by_its_folder(name: str, tmp_path: Path) -> None:
    folders = {101: settings.STATE / "package-proxy", 102: Path("/var/www"), 103: settings.STATE / "mirror (deleted)"}
    for pid, directory in folders.items():
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "environ").write_bytes(f"{name} worker\0".encode())
        (folder / "stat").write_text(f"{pid} ({name}) S 1 0 0", encoding="utf-8")
        (folder / "cwd").symlink_to(directory)
    assert sorted(process.pid for process in processes.marked(tmp_path)) == [101, 103]


def reported(time: str | None) -> dict[tuple[str, str], str | None]:
    return dict.fromkeys(reports.REPORTING.values(), time)


def test_a_report_from_before_the_start_does_not_count() -> None:
    assert set(reports.missing_reports(reported("2026-11-24T07:59:59.000000"), STARTED)) == set(reports.REPORTING)


def test_a_report_since_the_start_counts() -> None:
    assert reports.missing_reports(reported("2026-11-24T08:00:07.000000"), STARTED) == []


def test_the_program_that_never_reported_is_named() -> None:
    known = reported("2026-11-24T08:00:07Z")
    del known[reports.REPORTING[NAME]]
    assert reports.missing_reports(known, STARTED) == [NAME]


def test_a_server_whose_cards_placement_does_not_know_is_waited_for() -> None:
    server = inventory.server("gpu-server-2")
    assert reports.missing_cards(server, {}) == ["CUSTOM_GPU_A100", "CUSTOM_GPU_A30"]
    assert reports.missing_cards(server, {"CUSTOM_GPU_A100": 1, "CUSTOM_GPU_A30": 1}) == ["CUSTOM_GPU_A100"]
    assert reports.missing_cards(server, {**server.gpus, "VCPU": 8}) == []


def test_only_settings_that_are_too_low_are_raised() -> None:
    current = {"fs.inotify.max_user_instances": "128", "fs.inotify.max_user_watches": "9999999"}
    assert sysctls.to_raise(current, sysctls.RAISED) == {"fs.inotify.max_user_instances": "8192"}


def test_only_settings_that_differ_from_the_note_are_put_back() -> None:
    noted = {"kernel.panic": "1", "vm.overcommit_memory": "0", "gone": "1"}
    assert sysctls.to_restore(noted, {"kernel.panic": "10", "vm.overcommit_memory": "0"}) == {"kernel.panic": "1"}


def test_settings_that_this_kernel_lacks_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel/panic").write_text("1\n", encoding="utf-8")
    assert sysctls.read(["kernel.panic", "kernel.absent"], tmp_path) == {"kernel.panic": "1"}
