"""Whatever dies, nothing acknowledged is lost, and no two servers acknowledge at once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from lab.chaos.__main__ import UNSAFE
from lab.chaos.cluster import Cluster
from lab.chaos.faults import KINDS
from lab.chaos.rounds import WELL, one_round
from tests.platform.postgresql.clients import MARKS, assert_unchanged
from tests.records import git

pytestmark = MARKS

SAFE: dict[str, object] = {"postgresql_confirmations": 1, "postgresql_failover_at_risk": False}


def rotated(kinds: list[str], number: int, commit: str) -> list[str]:
    """So many kinds, which the commit chooses."""
    turn = int(hashlib.sha256(commit.encode()).hexdigest(), 16)
    return [kinds[(turn + step) % len(kinds)] for step in range(number)]


TURNS = rotated(sorted(set(KINDS) - {"host"}), 3, git("rev-parse", "HEAD"))


# By the names of turns, a record of these tests holds for later commits, too.
@pytest.mark.parametrize("kind", ["host", *TURNS], ids=["host", *(f"turn-{turn}" for turn, _ in enumerate(TURNS))])
def test_no_fault_loses_a_commit_or_lets_two_acknowledge(cluster: Cluster, kind: str, tmp_path: Path) -> None:
    found = one_round(cluster, KINDS[kind], tmp_path)
    assert (found["lost"], found["overlaps"]) == (0, 0), found
    assert float(found["outage_s"] or 0) < 2 * KINDS[kind].goal, found


def test_after_a_failover_a_run_changes_nothing_and_demotes_nobody(cluster: Cluster, tmp_path: Path) -> None:
    before = cluster.leader()
    one_round(cluster, KINDS["network"], tmp_path)
    leader = cluster.leader()
    assert leader != before
    assert_unchanged(cluster.configure())
    assert cluster.leader() == leader


def test_a_switchover_moves_the_lead_without_a_loss(cluster: Cluster) -> None:
    target = next(host for host in cluster.hosts if host != cluster.leader())
    cluster.run(target, "postgresql-failover", "switchover", "--to", target)
    assert cluster.leader() == target
    cluster.wait_until_well(WELL)


def test_without_confirmations_and_fencing_the_rounds_find_loss_and_overlap(cluster: Cluster, tmp_path: Path) -> None:
    t1 = {"postgresql_failover_t1": 3.0}
    cluster.configure(**UNSAFE)
    try:
        found = one_round(cluster, KINDS["network"], tmp_path)
    finally:
        cluster.configure(**SAFE, **t1)
    assert found["lost"] and found["overlaps"], found
    cluster.wait_until_well(WELL)
