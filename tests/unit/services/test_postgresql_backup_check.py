"""The check of the last backup proves what it says, and leaves nothing behind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from postgresql_backup_check.commands import CheckError, Settings, load, run
from postgresql_backup_check.proof import check, gap, keep, kept, refused
from postgresql_backup_check.repository import MIB, Backup, Repository, free_bytes, needed, parsed, problems
from postgresql_backup_check.scratch import Scratch, branch

SEGMENT = 16 * MIB
BACKUP = Backup("20261126-185307F", "full", 1795719191, 33765327, False, "17", "7712", "000000020000000000000009")
INFO: list[dict[str, Any]] = [
    {
        "archive": [
            {"database": {"id": 1}, "id": "15-1", "max": "000000040000000000000077", "min": "000000010000000000000001"},
            {"database": {"id": 2}, "id": "17-2", "max": "000000020000000000000009", "min": "000000010000000000000001"},
        ],
        "backup": [
            {
                "database": {"id": 2, "repo-key": 1}, "error": False, "info": {"delta": 1, "size": 33765327},
                "label": "20261126-185307F", "timestamp": {"start": 1795719187, "stop": 1795719191}, "type": "full",
            },
            {
                "database": {"id": 2, "repo-key": 1}, "error": True, "info": {"delta": 1, "size": 33765327},
                "label": "20261126-185307F_20261126-185312I", "timestamp": {"start": 1, "stop": 1795719197},
                "type": "incr",
            },
        ],
        "db": [{"id": 1, "system-id": 7711, "version": "15"}, {"id": 2, "system-id": 7712, "version": "17"}],
        "name": "lab",
        "status": {"code": 0, "message": "ok"},
    }
]  # fmt: skip
CONTROL = """\
Database system identifier:           7712
Bytes per WAL segment:                16777216
max_connections setting:              133
max_worker_processes setting:         8
max_wal_senders setting:              10
max_prepared_xacts setting:           7
max_locks_per_xact setting:           64
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose folders and programs are the test's."""
    return Settings("lab", "nobody", 17, str(tmp_path / "bin"), str(tmp_path), 60)


class Server:
    """A server that is well but for one act, which raises CheckError."""

    def __init__(self, fails: str = "", **found: Any) -> None:
        self.fails, self.found, self.acts = fails, found, list[str]()

    def _act(self, name: str) -> None:
        self.acts.append(name)
        if name == self.fails:
            raise CheckError(f"{name} failed")

    def restore(self, label: str) -> None:
        self._act(f"restore {label}")

    def replay(self) -> None:
        self._act("replay")

    def ended(self) -> tuple[int, int]:
        return self.found.get("ended", (2, 10 * SEGMENT))

    def seen(self) -> dict[str, Any]:
        return {"newest": self.found.get("newest", 1795719300.0), "databases": ["other", "postgres"]}

    def ask(self, database: str, statement: str) -> str:
        self._act(f"ask {database}")
        return "1"

    def amcheck(self) -> None:
        self._act("amcheck")

    def control(self) -> dict[str, str]:
        return {
            "Database system identifier": self.found.get("identifier", "7712"),
            "Bytes per WAL segment": str(SEGMENT),
        }

    def checksums(self) -> int:
        self._act("checksums")
        return 4116

    def remove(self) -> None:
        self._act("remove")


ACTS = [
    "remove",
    "restore 20261126-185307F",
    "replay",
    "ask other",
    "ask postgres",
    "amcheck",
    "checksums",
    "remove",
]


def test_a_backup_that_is_good_is_proven_step_by_step_and_removed() -> None:
    server = Server()
    report = check(BACKUP, server)
    assert report["ok"] and report["problem"] == "" and server.acts == ACTS
    restored, replayed, databases, tables, pages = report["proven"]
    assert restored.startswith("Backup 20261126-185307F (full, ended 2026-11-26 18:53:11 UTC) is restored")
    assert "to 0/A000000 on timeline 2: the newest transaction is of 2026-11-26 18:55:00 UTC" in replayed
    assert "other, postgres" in databases and "pg_amcheck finds nothing" in tables and "4116 pages" in pages
    assert (
        report["replayed"] == 10 * SEGMENT and report["newest"] == 1795719300.0 and report["ended"] >= report["began"]
    )


@pytest.mark.parametrize("number", range(1, len(ACTS) - 1))
def test_whatever_fails_is_told_and_nothing_is_left_behind(number: int) -> None:
    server = Server(fails=ACTS[number])
    report = check(BACKUP, server)
    assert not report["ok"] and report["problem"] == f"{ACTS[number]} failed"
    assert server.acts == [*ACTS[: number + 1], "remove"]


def test_a_scratch_server_that_cannot_be_removed_is_a_failure() -> None:
    assert check(BACKUP, Server(fails="remove"))["problem"] == "remove failed"


def test_data_of_another_cluster_are_no_backup_of_this_one() -> None:
    assert "it is of system 1, needed: 7712" in check(BACKUP, Server(identifier="1"))["problem"]


def test_a_log_without_a_transaction_says_so() -> None:
    report = check(BACKUP, Server(newest=None))
    assert report["ok"] and "there is no transaction after the backup" in report["proven"][1]


@pytest.mark.parametrize(
    ("archived", "timeline", "position"),
    [
        ("000000020000000000000009", 2, 9 * SEGMENT + 1),
        ("000000020000000000000009", 2, 10 * SEGMENT),
        ("0000000200000001000000FF", 2, (1 << 32) + 256 * SEGMENT),
        ("000000010000000000000044", 2, 9 * SEGMENT),
        ("", 1, SEGMENT),
    ],
)
def test_a_log_that_ends_in_or_after_its_last_segment_is_whole(archived: str, timeline: int, position: int) -> None:
    gap(archived, timeline, position, SEGMENT)


@pytest.mark.parametrize(("timeline", "position"), [(2, 9 * SEGMENT), (2, 5 * SEGMENT), (1, 11 * SEGMENT)])
def test_a_log_that_ends_before_its_last_segment_or_on_an_older_timeline_is_told(timeline: int, position: int) -> None:
    with pytest.raises(CheckError, match="needed: all up to segment 000000020000000000000009"):
        gap("000000020000000000000009", timeline, position, SEGMENT)


def test_the_end_of_the_log_is_where_the_servers_own_timeline_has_begun() -> None:
    history = "1\t0/1000000\tnobody has this timeline\n\n3\t1A/6003EE0\tno recovery target specified\n"
    assert branch(history) == (3, 0x1A_06003EE0)


def test_the_repository_is_read_with_the_log_and_version_of_each_backups_own_database() -> None:
    found = parsed(json.dumps(INFO))
    assert found == Repository(
        0,
        "ok",
        (
            BACKUP,
            replace(BACKUP, label="20261126-185307F_20261126-185312I", kind="incr", stopped=1795719197, damaged=True),
        ),
    )


def test_the_last_backup_of_two_repositories_comes_with_the_log_of_its_own() -> None:
    second = {
        "archive": [{"database": {"id": 2, "repo-key": 2}, "id": "17-2", "max": "000000020000000000000008"}],
        "backup": [
            {
                **INFO[0]["backup"][0],
                "database": {"id": 2, "repo-key": 2},
                "label": "20261126-190000F",
                "timestamp": {"start": 1, "stop": BACKUP.stopped + 400},
            }
        ],
    }
    both = {**INFO[0], **{key: [*second[key], *INFO[0][key]] for key in second}}
    found = parsed(json.dumps([both]))
    last = found.backups[-1]
    assert (last.label, last.repository, last.archived) == ("20261126-190000F", 2, "000000020000000000000008")
    assert found.near[-1].label == "20261126-185307F_20261126-185312I", "a check has no network"


def test_a_repository_that_has_no_backup_or_no_stanza_is_read_too() -> None:
    missing = [{"name": "lab", "status": {"code": 1, "message": "missing stanza path"}, "backup": [], "db": []}]
    assert parsed(json.dumps(missing)) == Repository(1, "missing stanza path", ())
    assert parsed("[]").code == 1


def test_what_speaks_against_a_check_is_told_with_what_is_needed_and_the_remedy(settings: Settings) -> None:
    found = Repository(0, "ok", (BACKUP,))
    assert problems(settings, found, needed(BACKUP), []) == []
    old = Repository(0, "ok", (replace(BACKUP, version="15"),))
    version, programs, room = problems(settings, old, 3 * MIB, ["pg_amcheck"])
    assert "found one of PostgreSQL 15, needed one of 17" in version
    assert f"pg_amcheck not found in {settings.programs}" in programs
    assert f"found 3 MiB in {settings.folder}, needed {needed(BACKUP) // MIB} MiB. Remedy: make room" in room
    (none,) = problems(settings, Repository(2, "no valid backups", ()), 1 << 40, [])
    assert "found none (no valid backups), needed one. Remedy" in none


def test_what_a_killed_check_has_left_is_room_since_it_is_removed_first(settings: Settings) -> None:
    (settings.scratch / "data").mkdir(parents=True)
    (settings.scratch / "data" / "big").write_bytes(b"x" * 8 * MIB)
    assert free_bytes(settings.scratch) - free_bytes(Path(settings.folder) / "other") > 6 * MIB


def test_the_last_report_is_kept(settings: Settings) -> None:
    assert kept(settings) == {}
    keep(settings, refused(["one.", "two."]))
    assert kept(settings)["problem"] == "one. two." and not kept(settings)["ok"]


def test_a_setting_that_nobody_knows_is_named(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"colour": "blue"}', encoding="utf-8")
    with pytest.raises(ValueError, match="colour"):
        load(str(tmp_path / "settings.json"))


def test_a_program_that_fails_is_told_with_its_words_and_without_what_went_well() -> None:
    script = "echo 'P00   INFO: restore command begin'; echo 'P00  ERROR: [026]: checksum' >&2; exit 26"
    with pytest.raises(CheckError, match=r"^sh ended with 26: P00  ERROR: \[026\]: checksum$"):
        run(["sh", "-c", script])


@pytest.fixture
def programs(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs that write down how they were called; the server's control file is one of a cluster."""
    folder = Path(settings.programs)
    folder.mkdir()
    (folder / "control").write_text(CONTROL, encoding="utf-8")
    for name in ("pgbackrest", "pg_ctl", "psql", "pg_controldata"):
        path = folder / name
        lines = ["#!/bin/sh", f'echo "{name} $*" >>{folder}/calls']
        lines += {"pg_controldata": [f"cat {folder}/control"], "psql": ["echo 1"]}.get(name, [])
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


def test_the_scratch_server_is_reached_by_nobody_and_archives_nothing(settings: Settings, programs: Path) -> None:
    server = Scratch(settings)
    server.restore("20261126-185307F")
    configuration = (settings.scratch / "conf").read_text(encoding="utf-8")
    for line in ("listen_addresses = ''", "archive_mode = 'off'", "unix_socket_permissions = '0700'"):
        assert f"{line}\n" in configuration
    data = f"{settings.scratch}/data"
    here = f"pgbackrest --stanza=lab --repo=1 --reset-pg1-host --pg1-path={data}"
    assert f"restore_command = '{here} archive-get %f \"%p\"'\n" in configuration
    assert "max_connections = '133'\n" in configuration and "max_prepared_transactions = '7'\n" in configuration
    assert Path(data, "postgresql.auto.conf").read_text(encoding="utf-8") == ""
    called = (programs / "calls").read_text(encoding="utf-8")
    assert f"{here} --set=20261126-185307F --type=default" in called
    server.replay()
    assert f"--options=--config-file={settings.scratch}/conf" in (programs / "calls").read_text(encoding="utf-8")


def test_the_scratch_server_is_ended_before_its_folder_is_removed(settings: Settings, programs: Path) -> None:
    server = Scratch(settings)
    server.remove()
    server.restore("x")
    (settings.scratch / "data" / "postmaster.pid").touch()
    server.remove()
    assert not settings.scratch.exists()
    assert "pg_ctl stop --silent" in (programs / "calls").read_text(encoding="utf-8").splitlines()[-1]
    assert Path(settings.folder).exists()
