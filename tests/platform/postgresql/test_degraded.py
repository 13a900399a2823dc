"""Too few standbys are left: commits wait, or go on where that is declared, and then nobody else leads meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.chaos import records
from lab.chaos.cluster import Cluster
from lab.chaos.rounds import WELL, Writers, lost
from lab.machine.processes import wait_for
from tests.platform.postgresql.clients import MARKS, start, status, stop

pytestmark = MARKS

WAITS = 8.0
"""Seconds that commits wait in the test that lets them go on; longer than the lease."""
RULE = ("site", "commits need what is declared")


def confirmations(cluster: Cluster, host: str) -> list[int]:
    """How many confirmations commits need, by what the host knows."""
    rules = cluster.status(host).get("rules", [])
    assert isinstance(rules, list)
    return [int(rule["confirmations"]) for rule in rules]


def stop_standbys(cluster: Cluster, leader: str, writers: Writers) -> tuple[list[str], float]:
    """Stop all standbys of a cluster that commits; their names, and the moment when the last was gone."""
    writers.wait_for_commits(20, 60)
    standbys = [host for host in cluster.hosts if host != leader]
    for host in standbys:
        stop(cluster, host)
    return standbys, time.monotonic()


@pytest.fixture
def well(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster; afterwards it is as it was, and commits wait again."""
    cluster.wait_until_well(WELL)
    yield cluster
    for host in cluster.hosts:
        start(cluster, host)
    cluster.configure(postgresql_failover_degrade_after=0)
    cluster.wait_until_well(WELL)


def test_commits_wait_for_a_standby_and_go_on_when_it_is_back(well: Cluster, tmp_path: Path) -> None:
    leader, record = well.leader(), tmp_path / "client.jsonl"
    with Writers(well, leader, record) as writers:
        standbys, stopped = stop_standbys(well, leader, writers)
        assert not wait_for(lambda: any(one.at > stopped for one in records.of_client(record)), 2 * WAITS, 0.5)
        start(well, standbys[0])
        writers.wait_for_commits(20, WELL, since=stopped)
    assert well.leader() == leader and confirmations(well, leader) == [1]


def test_commits_go_on_alone_where_that_is_declared_and_nobody_else_leads_until_they_are_confirmed(
    well: Cluster, tmp_path: Path
) -> None:
    well.configure(postgresql_failover_degrade_after=WAITS)
    well.wait_until_well(WELL)
    leader, record = well.leader(), tmp_path / "client.jsonl"
    with Writers(well, leader, record) as writers:
        standbys, stopped = stop_standbys(well, leader, writers)
        writers.wait_for_commits(20, WAITS + 30, since=stopped + WAITS)
        waited = records.outage(records.of_client(record), stopped)
        assert waited and waited >= WAITS
        assert confirmations(well, leader) == [0]
        verdict = status(well, tmp_path / "status.json")[RULE]
        assert not verdict["ok"] and "bring the standbys back" in verdict["detail"]

        stop(well, leader)
        for host in standbys:
            start(well, host)
        # The lease of who was stopped goes on for some seconds.
        assert not wait_for(lambda: well.status(standbys[0]).get("leader") in standbys, 20, 0.5), (
            "one without all leads"
        )
        start(well, leader)
        began = time.monotonic()
        writers.wait_for_commits(20, WELL, since=began)
        assert well.leader() == leader
        assert wait_for(lambda: confirmations(well, leader) == [1], 30, 0.5), confirmations(well, leader)
        beside = writers.beside()
    assert lost(well, records.of_client(record), beside) == set()
