"""check_backup.yml proves that the last backup comes back, fails where it does not, and leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.chaos.cluster import ChaosError, Cluster
from lab.machine.processes import wait_for
from tests.platform.postgresql.clients import MARKS, assert_unchanged, failures, status

pytestmark = MARKS

REPOSITORY = "/var/lib/pgbackrest"
SCRATCH = "/var/lib/postgresql-backup-check/scratch"
UNIT = "postgresql-backup-check.service"
FLIP = """
import sys
with open(sys.argv[1], "r+b") as file:
    middle = file.seek(0, 2) // 2
    file.seek(middle)
    found = file.read(64)
    file.seek(middle)
    file.write(bytes(byte ^ 255 for byte in found))
"""


def on_backup_host(cluster: Cluster, *command: str) -> str:
    return cluster.run("chaos-backup", *command)


def said(cluster: Cluster) -> dict[str, Any]:
    """What the program on the backup host says."""
    return dict(json.loads(on_backup_host(cluster, "postgresql-backup-check", "status")))


def files(cluster: Cluster, folder: str) -> list[str]:
    """The files below a folder of the repository, the largest last."""
    listed = on_backup_host(cluster, "find", f"{REPOSITORY}/{folder}", "-type", "f", "-printf", "%s %p\n").splitlines()
    return [line.partition(" ")[2] for line in sorted(listed, key=lambda line: int(line.split(" ")[0]))]


def nothing_is_left(cluster: Cluster) -> bool:
    found = cluster.run("chaos-backup", "sh", "-c", f"ls -d {SCRATCH}; pgrep -x postgres", check=False)
    return found.strip() == ""


def archive_all(cluster: Cluster) -> None:
    """Return when all that was committed is in the repository."""
    on_backup_host(cluster, "runuser", "-u", "postgres", "--", "pgbackrest", "--stanza=chaos", "check")


@contextmanager
def damaged(cluster: Cluster, path: str) -> Iterator[None]:
    """Have some bytes of a file on the backup host inverted."""
    on_backup_host(cluster, "python3", "-c", FLIP, path)
    try:
        yield
    finally:
        on_backup_host(cluster, "python3", "-c", FLIP, path)


def test_check_mode_looks_whether_a_backup_could_be_checked(cluster: Cluster) -> None:
    output = cluster.playbook("check_backup", "--check", "--diff")
    assert "it was not restored" in output
    assert_unchanged(output)


def test_the_last_backup_comes_back_and_is_the_cluster_that_lives(cluster: Cluster) -> None:
    leader, histories = cluster.leader(), [name for name in files(cluster, "archive") if name.endswith(".history")]
    cluster.sql(leader, "CREATE TABLE IF NOT EXISTS checked (n int)")
    cluster.playbook("backup", "-e", "kind=incr")
    cluster.sql(leader, "INSERT INTO checked VALUES (1)")
    archive_all(cluster)
    output = cluster.playbook("check_backup")
    for words in (
        "is restored, each file with its checksum",
        "All of the archived log is replayed",
        "Every database answers: ",
        "pg_amcheck finds nothing",
        "pages are right",
        "It is the cluster that lives",
    ):
        assert words in " ".join(output.split())
    assert_unchanged(output)
    assert nothing_is_left(cluster) and cluster.leader() == leader
    assert [name for name in files(cluster, "archive") if name.endswith(".history")] == histories
    assert said(cluster)["check"]["ok"] and said(cluster)["check"]["newest"]
    assert on_backup_host(cluster, "systemctl", "is-active", "postgresql-backup-check.timer").strip() == "active"


def test_a_damaged_file_of_the_last_backup_is_a_failure_that_is_kept_for_status(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.playbook("backup", "-e", "kind=full")
    label = said(cluster)["backups"][-1]["label"]
    with damaged(cluster, files(cluster, f"backup/chaos/{label}/pg_data/base")[-1]):
        with pytest.raises(ChaosError, match=r"The\s+last\s+backup\s+is\s+not\s+good:\s+pgbackrest\s+ended"):
            cluster.playbook("check_backup")
        assert not said(cluster)["check"]["ok"] and nothing_is_left(cluster)
        (failure,) = failures(status(cluster, tmp_path / "status.json")).items()
        assert failure[0] == ("chaos-backup", "last backup can be restored") and "pgbackrest ended with" in failure[1]
    cluster.playbook("check_backup")
    assert said(cluster)["check"]["ok"]


def test_a_segment_that_is_missing_from_the_archive_is_a_failure(cluster: Cluster) -> None:
    leader = cluster.leader()
    for _segment in range(3):
        cluster.sql(leader, "INSERT INTO checked VALUES (2)")
        cluster.sql(leader, "SELECT pg_switch_wal()")
    archive_all(cluster)
    segments = sorted(name for name in files(cluster, "archive") if name.endswith(".zst"))
    on_backup_host(cluster, "mv", segments[-2], "/root/held")
    try:
        with pytest.raises(ChaosError, match=r"the\s+log\s+ends\s+at"):
            cluster.playbook("check_backup")
    finally:
        on_backup_host(cluster, "mv", "/root/held", segments[-2])
    assert nothing_is_left(cluster)
    cluster.playbook("check_backup")


def test_a_check_that_is_killed_leaves_nothing_behind(cluster: Cluster) -> None:
    on_backup_host(cluster, "systemctl", "start", "--no-block", UNIT)
    assert wait_for(lambda: not nothing_is_left(cluster), 30, 0.05)
    on_backup_host(cluster, "systemctl", "kill", "--signal=KILL", UNIT)
    states = ("inactive", "failed")
    assert wait_for(
        lambda: cluster.run("chaos-backup", "systemctl", "is-active", UNIT, check=False).strip() in states, 60
    )
    assert nothing_is_left(cluster)
    cluster.playbook("check_backup")
