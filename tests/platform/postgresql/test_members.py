"""Members come and go by the inventory, and clients do not notice."""

from __future__ import annotations

import time
from pathlib import Path

from lab.chaos import records
from lab.chaos.cluster import Cluster
from lab.chaos.rounds import SERVES, WELL, Writers
from lab.machine import byhand
from lab.machine.processes import wait_for
from tests.platform.postgresql.clients import MARKS, assert_unchanged

pytestmark = MARKS


def rule(cluster: Cluster) -> object:
    """What commits need, where that is settled."""
    seen = cluster.status(cluster.leader())
    return seen.get("settled") and seen["rules"]


def of_one(cluster: Cluster) -> list[dict[str, object]]:
    """The rule that any one of the declared standbys confirms."""
    return [{"standbys": sorted(set(cluster.hosts) - {cluster.leader()}), "confirmations": 1}]


def test_a_standby_comes_and_goes_under_load_without_a_failed_transaction(cluster: Cluster, tmp_path: Path) -> None:
    cluster.wait_until_well(WELL)
    leader, record = cluster.leader(), tmp_path / "client.jsonl"
    with Writers(cluster, leader, record) as writers:
        writers.wait_for_commits(50, 60)
        new = cluster.add()
        try:
            cluster.configure()
            assert wait_for(lambda: rule(cluster) == of_one(cluster), 10, 0.2), rule(cluster)
            names = cluster.sql(leader, "SELECT split_part(application_name, '@', 1) FROM pg_stat_replication")
            assert new in names.split()
            cluster.drop(new)
            cluster.configure()
            assert wait_for(lambda: rule(cluster) == of_one(cluster), 10, 0.2), rule(cluster)
        finally:
            byhand.remove(new)
        writers.wait_for_commits(20, SERVES, since=time.monotonic())
    numbers = [one.number for one in records.of_client(record)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "a transaction failed"
    assert cluster.leader() == leader
    assert_unchanged(cluster.configure())
