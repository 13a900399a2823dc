"""The database cluster on Debian 12, with its PostgreSQL 15, etcd 3.4 and pgBackRest 2.44."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import package_proxy
from lab.alone import alone
from lab.chaos import records
from lab.chaos.__main__ import LOCK
from lab.chaos.cluster import DATA, ChaosError, Cluster
from lab.chaos.rounds import SERVES, WELL, Writers, lost
from tests.platform.postgresql.clients import assert_unchanged, start, stop
from tests.platform.subjects import DATABASE, HOST

pytestmark = [
    pytest.mark.rotation("debian12", *HOST, *DATABASE, "lab/machine"),
    pytest.mark.duration(240),
]


@pytest.fixture(scope="module")
def cluster(host_packages: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three guests with the cluster, and one with its backups."""
    folder = tmp_path_factory.mktemp("debian12") / "site"
    cluster = Cluster(folder, options={"postgresql_version": 15}, backups=True, suite="bookworm")
    with alone(LOCK, ChaosError("other rounds run on this machine")), package_proxy.for_guests():
        cluster.remove()
        try:
            cluster.boot()
            cluster.configure()
            cluster.prepare()
            yield cluster
        finally:
            cluster.remove()


def test_the_cluster_is_as_declared_and_a_further_run_changes_nothing(cluster: Cluster) -> None:
    cluster.wait_until_well(WELL)
    assert cluster.sql(cluster.leader(), "SHOW server_version").startswith("15.")
    assert_unchanged(cluster.configure("--check", "--diff"))
    assert_unchanged(cluster.configure())


def test_the_last_backup_can_be_restored(cluster: Cluster) -> None:
    assert_unchanged(cluster.playbook("check_backup"))


def test_another_server_leads_when_the_primary_is_gone_and_nothing_is_lost(cluster: Cluster, tmp_path: Path) -> None:
    leader, record = cluster.leader(), tmp_path / "client.jsonl"
    with Writers(cluster, leader, record) as writers:
        writers.wait_for_commits(50, 60)
        stop(cluster, leader)
        writers.wait_for_commits(20, SERVES, since=time.monotonic())
        assert cluster.leader() != leader
        start(cluster, leader)
        cluster.wait_until_well(WELL)
        beside = writers.beside()
    assert lost(cluster, records.of_client(record), beside) == set()
    assert cluster.run(leader, "test", "-f", f"{DATA}/main/standby.signal") == ""
