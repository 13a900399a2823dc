"""The authority is replaced under load, one step with each run."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lab.chaos import records
from lab.chaos.cluster import ChaosError, Cluster
from lab.chaos.rounds import SERVES, WELL, Writers
from tests.platform.postgresql.clients import MARKS, ask, assert_unchanged

pytestmark = MARKS

ON_HOSTS, PENDING = "/etc/ai-infn/pki/ca.crt", "/var/lib/ai-infn/pending"


def test_a_host_that_trusts_somebody_else_stops_the_rotation_before_its_first_change(cluster: Cluster) -> None:
    cluster.wait_until_well(WELL)
    cluster.run(cluster.hosts[0], "sh", "-c", f"echo somebody >>{ON_HOSTS}")
    with pytest.raises(ChaosError, match="has not taken over what the step before made"):
        cluster.playbook("rotate_authority")
    assert not (cluster.authority.parent / "next.key").exists()
    cluster.configure()
    cluster.wait_until_well(WELL)


def test_a_program_that_has_not_taken_over_the_step_before_stops_the_rotation(cluster: Cluster) -> None:
    cluster.run(cluster.hosts[0], "sh", "-c", f"mkdir -p {PENDING} && echo '[\"/etc/default/etcd\"]' >{PENDING}/etcd")
    with pytest.raises(ChaosError, match=r"Programs to restart: etcd\."):
        cluster.playbook("rotate_authority")
    assert not (cluster.authority.parent / "next.key").exists()
    cluster.configure()
    cluster.wait_until_well(WELL)
    assert cluster.run(cluster.hosts[0], "find", PENDING, "-type", "f") == ""


def test_the_authority_is_replaced_without_a_failed_transaction(cluster: Cluster, tmp_path: Path) -> None:
    leader, record, pki = cluster.leader(), tmp_path / "client.jsonl", cluster.authority.parent
    former = tmp_path / "former.crt"
    former.write_bytes((pki / "ca.crt").read_bytes())
    with Writers(cluster, leader, record) as writers:
        writers.wait_for_commits(50, 60)
        for word in ("Both authorities are trusted", "The next authority has signed", "The authority is replaced"):
            assert word in cluster.playbook("rotate_authority")
            cluster.wait_until_well(WELL)
            assert ask(cluster, "SELECT 1").startswith("rows 1")
            writers.wait_for_commits(20, SERVES, since=time.monotonic())
    numbers = [one.number for one in records.of_client(record)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "a transaction failed"
    assert cluster.leader() == leader
    assert {path.name for path in pki.iterdir()} == {"ca.crt", "ca.key", "trusted.crt"}
    for host in [*cluster.hosts, *cluster.backup]:
        assert cluster.run(host, "cat", ON_HOSTS).strip() == (pki / "ca.crt").read_text(encoding="utf-8").strip()
    assert "verify failed" in ask(cluster, "SELECT 1", sslrootcert=str(former))
    assert_unchanged(cluster.configure())
    cluster.playbook("backup", "-e", "kind=incr")
