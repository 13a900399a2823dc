"""status.yml proves that the database is well, and names what is not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lab.chaos.cluster import Cluster
from lab.chaos.rounds import WELL
from lab.machine.processes import wait_for
from tests.platform.postgresql.clients import MARKS, failures, status

pytestmark = MARKS

Found = Callable[[], dict[tuple[str, str], dict[str, Any]]]
LOG = ("site", "log is archived")
ARCHIVE = 200.0
"""Seconds in which pgBackRest gives up, or an attempt after that succeeds."""


@pytest.fixture
def found(cluster: Cluster, tmp_path: Path) -> Found:
    """What status.yml finds when it is called, of a cluster that was well before."""
    cluster.wait_until_well(WELL)
    return partial(status, cluster, tmp_path / "status.json")


def archiver(cluster: Cluster) -> dict[str, Any]:
    """What the primary says of its archive; empty while it cannot be asked."""
    leader = cluster.leader()
    server: Any = cluster.status(leader).get("server", {}) if leader else {}
    return dict(server.get("report", {}).get("archiver") or {})


def standby(cluster: Cluster) -> str:
    leader = cluster.leader()
    return next(host for host in cluster.hosts if host != leader)


def test_a_cluster_that_is_well_passes_every_check(cluster: Cluster, found: Found) -> None:
    checks = found()
    assert failures(checks) == {}
    leader = cluster.leader()
    for host in cluster.hosts:
        assert ("primary" in checks[host, "server leads or receives"]["detail"]) == (host == leader)
        if host != leader:
            assert "streaming, quorum, " in checks[host, "standby keeps up"]["detail"]
    assert " h ago, diff " in checks["chaos-backup", "backups are recent"]["detail"]
    assert {"site", "chaos-backup", *cluster.hosts} == {host for host, _ in checks}


def test_an_archive_that_does_not_answer_is_named(cluster: Cluster, found: Found) -> None:
    leader = cluster.leader()
    cluster.run("chaos-backup", "systemctl", "stop", "pgbackrest-server.service")
    try:
        cluster.sql(leader, "CREATE TABLE IF NOT EXISTS unarchived (n int)")
        cluster.sql(leader, "SELECT pg_switch_wal()")
        assert wait_for(lambda: bool(archiver(cluster).get("fails")), ARCHIVE, 1.0), archiver(cluster)
        failed = failures(found())
    finally:
        cluster.run("chaos-backup", "systemctl", "start", "pgbackrest-server.service")
    assert failed.keys() == {LOG}
    assert f"{leader} cannot archive" in failed[LOG] and "pgbackrest-server.service on chaos-backup" in failed[LOG]
    assert wait_for(lambda: archiver(cluster).get("waiting") == 0, ARCHIVE, 1.0), archiver(cluster)
    assert failures(found()) == {}


def test_a_standby_that_is_stopped_is_named(cluster: Cluster, found: Found) -> None:
    name = standby(cluster)
    cluster.run(name, "systemctl", "stop", "postgresql-failover.service", "postgresql-cluster.service")
    try:
        failed = failures(found())
    finally:
        cluster.run(name, "systemctl", "start", "postgresql-failover.service")
    assert {host for host, _ in failed} == {name}
    assert "sends it nothing" in failed[name, "standby keeps up"]
    assert "its server cannot be asked" in failed[name, "settings are in force"]
    cluster.wait_until_well(WELL)
    assert failures(found()) == {}


def test_a_standby_whose_replay_is_paused_is_named(cluster: Cluster, found: Found) -> None:
    name = standby(cluster)
    cluster.sql(name, "SELECT pg_wal_replay_pause()")
    try:
        failed = failures(found())
    finally:
        cluster.sql(name, "SELECT pg_wal_replay_resume()")
    assert failed.keys() == {(name, "standby keeps up")} and "its replay is paused" in failed[name, "standby keeps up"]


def test_a_setting_that_waits_for_a_restart_is_named(cluster: Cluster, found: Found) -> None:
    leader = cluster.leader()
    cluster.sql(leader, "ALTER SYSTEM SET max_connections = 201")
    cluster.sql(leader, "SELECT pg_reload_conf()")
    try:
        failed = failures(found())
    finally:
        cluster.sql(leader, "ALTER SYSTEM RESET max_connections")
        cluster.sql(leader, "SELECT pg_reload_conf()")
    assert failed.keys() == {(leader, "settings are in force")}
    assert "max_connections" in failed[leader, "settings are in force"]
