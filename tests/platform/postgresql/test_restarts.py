"""Restarts that settings and packages need roll through the cluster, and clients are cut off once at the most."""

from __future__ import annotations

import time
from pathlib import Path

from lab.chaos import records
from lab.chaos.cluster import Cluster
from lab.chaos.rounds import SERVES, WELL, Writers, lost
from tests.platform.postgresql.clients import MARKS, assert_unchanged

pytestmark = MARKS

SHOW = "SELECT setting FROM pg_settings WHERE name = 'max_connections'"


def values(cluster: Cluster) -> set[str]:
    return {cluster.sql(host, SHOW) for host in cluster.hosts}


def test_packages_are_renewed_under_load_with_one_switchover_and_no_loss(cluster: Cluster, tmp_path: Path) -> None:
    cluster.wait_until_well(WELL)
    leader, record = cluster.leader(), tmp_path / "client.jsonl"
    started = {host: cluster.sql(host, "SELECT pg_postmaster_start_time()") for host in cluster.hosts}
    assert_unchanged(cluster.playbook("upgrade_postgresql", "--check"))
    with Writers(cluster, leader, record) as writers:
        writers.wait_for_commits(50, 60)
        cluster.playbook("upgrade_postgresql", "-e", "restart=always")
        writers.wait_for_commits(20, SERVES, since=time.monotonic())
    client, beside = records.of_client(record), writers.beside()
    assert not lost(cluster, client, beside) and not records.overlaps([*client, *beside])
    assert len({one.timeline for one in client}) == 2, "clients were cut off more than once"
    assert cluster.leader() != leader
    for host in cluster.hosts:
        assert cluster.sql(host, "SELECT pg_postmaster_start_time()") != started[host]
    cluster.wait_until_well(WELL)


def test_a_setting_that_needs_a_restart_is_in_force_after_the_run_whether_raised_or_lowered(cluster: Cluster) -> None:
    assert values(cluster) == {"200"}
    leader = cluster.leader()
    try:
        cluster.configure(postgresql_max_connections=220)
        assert values(cluster) == {"220"} and cluster.leader() != leader
        leader = cluster.leader()
    finally:
        cluster.configure(postgresql_max_connections=200)
    assert values(cluster) == {"200"}
    assert cluster.leader() == leader, "what is lowered is lowered where the primary stands"
    cluster.wait_until_well(WELL)
    assert_unchanged(cluster.configure())
