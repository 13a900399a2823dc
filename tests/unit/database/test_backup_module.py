"""The module postgresql_backup has the last backup checked by the host's unit, and tells what came of it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.restored import compared

from tests.support import ROOT
from tests.unit.database.answers import CHECK, kept, reported, said, well


class Host:
    """A backup host whose program and systemctl are the test's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, lines in {
            "postgresql-backup-check": ['echo "$*" >> calls', "cat status"],
            "systemctl": ['echo "systemctl $*" >> calls', "[ -e made ] && cp made result.json"],
        }.items():
            (folder / name).write_text("\n".join(["#!/bin/sh", f"cd {folder}", *lines]) + "\n", encoding="utf-8")
            (folder / name).chmod(0o755)

    def ask(self, *words: str, report: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """Run the module where a check makes this report, if any; what it answered, and the ``calls``."""
        (self.folder / "status").write_text(json.dumps(kept(**options.pop("status", {}))["backups"]), encoding="utf-8")
        if report:
            (self.folder / "made").write_text(json.dumps(report), encoding="utf-8")
        given = {"program": f"{self.folder}/postgresql-backup-check", "folder": str(self.folder), **options}
        done = subprocess.run(
            [str(ROOT / ".venv/bin/ansible"), "localhost", "-m", "ai_infn.platform.postgresql_backup",
             "-a", json.dumps(given), *words],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
            env={**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"},
        )  # fmt: skip
        answer = yaml.safe_load(done.stdout.partition(" => ")[2])
        assert isinstance(answer, dict), done.stdout + done.stderr
        calls = self.folder / "calls"
        return {**answer, "calls": calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []}


START = "systemctl start postgresql-backup-check.service"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_asked_for_nothing_it_tells_what_there_is(host: Host) -> None:
    found = host.ask()
    assert found["calls"] == ["status"] and not found["changed"] and found["report"] == {}
    assert found["backups"]["stanza"] == "lab"


def test_a_check_is_made_by_the_unit_and_compared_with_the_cluster_that_lives(host: Host) -> None:
    found = host.ask(check=True, live=list(well().values()), report=CHECK)
    assert found["calls"] == ["status", START] and not found["changed"]
    first, last = found["report"]["proven"]
    assert first == "All of it." and "It is the cluster that lives" in last


def test_what_speaks_against_a_check_is_told_before_anything_is_done(host: Host) -> None:
    found = host.ask(check=True, report=CHECK, status={"problems": ["Room: found 3 MiB, needed 9. Remedy: more."]})
    assert (
        found["calls"] == ["status"] and found["msg"] == "Nothing was done. Room: found 3 MiB, needed 9. Remedy: more."
    )


def test_check_mode_looks_whether_it_could_be_and_restores_nothing(host: Host) -> None:
    found = host.ask("--check", check=True, report=CHECK)
    assert found["calls"] == ["status"] and found["report"] == {} and "msg" not in found


def test_check_mode_on_a_host_without_the_program_does_not_fail(host: Host) -> None:
    found = host.ask("--check", check=True, program="/nowhere")
    assert found["calls"] == [] and found["backups"] == found["report"] == {} and "msg" not in found


def test_a_check_that_failed_is_a_failure_with_its_report(host: Host) -> None:
    failed = {**CHECK, "ok": False, "problem": "pgbackrest ended with 26: checksum"}
    found = host.ask(check=True, report=failed)
    assert found["msg"] == "The last backup is not good: pgbackrest ended with 26: checksum."
    assert found["report"]["proven"] == ["All of it."]


def test_a_backup_of_another_cluster_is_a_failure(host: Host) -> None:
    other = said("db-1", {"report": reported(leads=True, system_identifier="1")})
    assert "it is of another cluster" in host.ask(check=True, live=[other], report=CHECK)["msg"]


def test_the_report_of_an_earlier_check_is_not_taken_for_this_ones(host: Host) -> None:
    (host.folder / "result.json").write_text(json.dumps(CHECK), encoding="utf-8")
    assert "postgresql-backup-check.service left no report" in host.ask(check=True)["msg"]


def test_what_came_back_is_the_cluster_that_lives_and_what_would_be_lost_is_told() -> None:
    problem, sentence = compared(CHECK, well().values())
    assert problem == "" and "16.0 MiB of its log were not archived" in sentence
    _problem, sentence = compared({**CHECK, "replayed": 10 << 24}, well().values())
    assert "0.0 MiB of its log" in sentence


def test_a_backup_of_another_cluster_is_told() -> None:
    other = said("db-1", {"report": reported(leads=True, system_identifier="1")})
    assert "found system identifier 7712555174565764179, needed 1" in compared(CHECK, [other])[0]


@pytest.mark.parametrize("live", [[], [said("db-2")], [said("db-1", {"report": {"problem": "psql failed"}})], [{}]])
def test_a_cluster_that_says_nothing_is_not_compared(live: list[dict[str, Any]]) -> None:
    problem, sentence = compared(CHECK, live)
    assert problem == "" and "No primary has answered" in sentence
