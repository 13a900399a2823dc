"""A server whose log has branched off is made a standby of who leads, without a hand, and confirms nothing before."""

from __future__ import annotations

import pytest

from lab.chaos.cluster import DATA, Cluster
from lab.chaos.rounds import SERVES, WELL
from lab.machine.processes import wait_for
from tests.platform.postgresql.clients import AGENTS, MARKS, start

pytestmark = MARKS

SERVER, SIGNAL = "postgresql-cluster", f"{DATA}/main/standby.signal"
ASTRAY = "SET synchronous_commit = local; CREATE TABLE astray AS SELECT generate_series(1, 10000) AS n"


@pytest.fixture
def astray(cluster: Cluster) -> str:
    """A former primary that wrote on after another one led, and runs as a standby of nobody, without its agent."""
    cluster.wait_until_well(WELL)
    former = cluster.leader()
    cluster.run(former, "systemctl", "stop", *AGENTS)
    assert wait_for(lambda: cluster.leader() not in ("", former), SERVES, 0.5)
    cluster.sql(former, ASTRAY)
    cluster.run(former, "systemctl", "kill", "--signal=KILL", SERVER)
    cluster.run(former, "install", "-o", "postgres", "/dev/null", SIGNAL)
    cluster.run(former, "systemctl", "start", SERVER)
    return former


def names(cluster: Cluster, leader: str) -> list[str]:
    """Whose words about how far they are a primary hears."""
    said = cluster.sql(leader, "SELECT split_part(application_name, '@', 1) FROM pg_stat_replication")
    return sorted(said.split())


def test_one_whose_log_has_branched_off_is_rewound_before_it_follows(cluster: Cluster, astray: str) -> None:
    leader = cluster.leader()
    start(cluster, astray)

    def seen() -> bool:
        said = ["journalctl", "--no-pager", "-o", "cat", "--unit=postgresql-failover", "--lines=50"]
        return "branched off at" in cluster.run(astray, *said)

    assert wait_for(lambda: seen() or astray in names(cluster, leader), 30, 0.1)
    assert seen(), "it follows unchecked"
    cluster.wait_until_well(WELL)
    assert cluster.sql(astray, "SELECT to_regclass('astray') IS NULL") == "t"
    assert cluster.leader() == leader
    assert names(cluster, leader) == sorted(set(cluster.hosts) - {leader})
