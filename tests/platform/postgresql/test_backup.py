"""Backups, and a cluster that comes back from them alone."""

from __future__ import annotations

import json

import pytest

from lab.chaos.cluster import DATA, WAL, ChaosError, Cluster
from lab.chaos.rounds import WELL
from tests.platform.postgresql.clients import MARKS, assert_unchanged

pytestmark = MARKS

CONFIRMED = ("-e", "postgresql_restore_confirmed=true")


def test_the_log_arrives_and_a_first_backup_is_there(cluster: Cluster) -> None:
    answer = cluster.run("chaos-backup", "runuser", "-u", "postgres", "--", "pgbackrest", "--output=json", "info")
    (stanza,) = json.loads(answer)
    assert stanza["name"] == "chaos" and stanza["cipher"] == "aes-256-cbc" and stanza["backup"], answer
    assert cluster.sql(cluster.leader(), "SELECT failed_count, archived_count > 0 FROM pg_stat_archiver").endswith("|t")


def test_a_restore_that_nobody_confirmed_changes_nothing(cluster: Cluster) -> None:
    leader = cluster.leader()
    with pytest.raises(ChaosError, match="replaces the data of chaos-1, chaos-2, chaos-3"):
        cluster.playbook("restore")
    assert cluster.leader() == leader


def test_the_cluster_comes_back_as_of_a_moment_between_two_transactions(cluster: Cluster) -> None:
    leader = cluster.leader()
    cluster.sql(leader, "CREATE TABLE moments (n int)")
    cluster.sql(leader, "INSERT INTO moments VALUES (1)")
    moment = cluster.sql(leader, "SELECT clock_timestamp()")
    cluster.sql(leader, "INSERT INTO moments VALUES (2)")
    cluster.playbook("restore", *CONFIRMED, "-e", json.dumps({"target": moment}))
    cluster.wait_until_well(WELL)
    assert cluster.sql(cluster.leader(), "SELECT n FROM moments") == "1"
    assert_unchanged(cluster.configure())


def test_the_cluster_comes_back_when_all_of_its_data_are_lost(cluster: Cluster) -> None:
    cluster.sql(cluster.leader(), "INSERT INTO moments VALUES (3); SELECT pg_switch_wal()")
    cluster.playbook("backup", "-e", "kind=incr")
    for host in cluster.hosts:
        cluster.run(host, "systemctl", "stop", "postgresql-failover", "postgresql-failover-guard", "postgresql-cluster")
        cluster.run(host, "sh", "-c", f"rm -rf {DATA}/main {WAL}/main /var/lib/postgresql-failover/*")
    cluster.playbook("restore", *CONFIRMED)
    cluster.wait_until_well(WELL)
    assert cluster.sql(cluster.leader(), "SELECT n FROM moments ORDER BY n").split() == ["1", "3"]
