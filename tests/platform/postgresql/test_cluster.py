"""The PostgreSQL cluster on guests of its own: as declared, encrypted, and without a loss when something dies."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import fabric
from lab.alone import alone
from lab.chaos.__main__ import LOCK, UNSAFE, packages
from lab.chaos.cluster import DATA, WAL, ChaosError, Cluster
from lab.chaos.faults import KINDS
from lab.chaos.rounds import WELL, one_round
from tests.conftest import git

pytestmark = [
    pytest.mark.rotation(
        "postgresql", "services/postgresql_failover", "roles/postgresql", "roles/etcd", "roles/host_certificate",
        "roles/host_setup", "roles/pgbackrest", "playbooks/database.yml", "playbooks/restore.yml", "lab/chaos",
        "plugins/modules/postgresql", "plugins/modules/pgbackrest",
    ),
    pytest.mark.duration(240),
]  # fmt: skip

ASK = """
import sys, psycopg
try:
    with psycopg.connect(sys.argv[1]) as connection:
        print("rows", *(connection.execute(sys.argv[2]).fetchone() or ()))
except psycopg.OperationalError as problem:
    print("refused", problem)
"""
SAFE: dict[str, object] = {"postgresql_confirmations": 1, "postgresql_failover_at_risk": False}


@pytest.fixture(scope="module")
def booted(host_packages: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three guests with nothing on them, and one for the backups."""
    cluster = Cluster(tmp_path_factory.mktemp("postgresql") / "site", backups=True)
    with alone(LOCK, ChaosError("other rounds run on this machine")), packages():
        cluster.remove()
        try:
            cluster.boot()
            yield cluster
        finally:
            cluster.remove()


@pytest.fixture(scope="module")
def checked(booted: Cluster) -> str:
    """What check mode said of hosts with nothing on them."""
    return booted.configure("--check", "--diff")


@pytest.fixture(scope="module")
def cluster(booted: Cluster, checked: str) -> Cluster:
    """The cluster, well, with the tables of the writers."""
    booted.configure()
    booted.prepare()
    return booted


def changed(output: str) -> dict[str, int]:
    """How many tasks changed something, by host."""
    return {
        host: int(number) for host, number in re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)", output, re.MULTILINE)
    }


def ask(cluster: Cluster, statement: str, **replaced: str) -> str:
    """What a client gets who connects with some parameters replaced."""
    words = dict(word.split("=", 1) for word in cluster.conninfo().split())
    conninfo = " ".join(f"{name}={value}" for name, value in {**words, **replaced}.items())
    done = subprocess.run(
        [*fabric.INSIDE, sys.executable, "-c", ASK, conninfo, statement], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_check_mode_on_hosts_with_nothing_on_them_does_not_fail(checked: str) -> None:
    assert all(number > 0 for number in changed(checked).values()), checked[-2000:]


def test_one_server_leads_and_the_others_confirm_its_commits(cluster: Cluster) -> None:
    cluster.wait_until_well(30)
    leader = cluster.leader()
    rows = cluster.sql(leader, "SELECT application_name, state, sync_state FROM pg_stat_replication ORDER BY 1")
    standbys = sorted(set(cluster.hosts) - {leader})
    assert rows.splitlines() == [f"{host}|streaming|quorum" for host in standbys]


def test_a_second_run_changes_nothing_and_shows_nothing(cluster: Cluster) -> None:
    assert set(changed(cluster.configure("--check", "--diff")).values()) == {0}
    assert set(changed(cluster.configure()).values()) == {0}


def test_every_connection_is_encrypted_and_a_plain_one_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    leader = cluster.leader()
    plain = (
        "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE NOT ssl AND client_addr IS NOT NULL"
    )
    assert cluster.sql(leader, plain) == "0"
    senders = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_replication USING (pid) WHERE version = 'TLSv1.3'"
    assert cluster.sql(leader, senders) == "2"
    own = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    assert ask(cluster, own) == "rows True TLSv1.3"
    assert "no encryption" in ask(cluster, own, sslmode="disable")
    assert "password authentication failed" in ask(cluster, own, password="wrong")
    other = tmp_path / "other.crt"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other", "-keyout", "/dev/null"]
    subprocess.run([*command, "-out", str(other)], check=True, capture_output=True)
    assert "certificate verify failed" in ask(cluster, own, sslrootcert=str(other))


def serial(cluster: Cluster, host: str) -> str:
    """The serial number of the certificate that a host's server shows."""
    address = f"{cluster.addresses[host]}:5432"
    command = [*fabric.INSIDE, "openssl", "s_client", "-starttls", "postgres", "-connect", address]
    shown = subprocess.run(command, input="", capture_output=True, text=True, check=True, timeout=20).stdout
    read = ["openssl", "x509", "-noout", "-serial"]
    return subprocess.run(read, input=shown, capture_output=True, text=True, check=True).stdout.strip()


def test_certificates_are_renewed_under_a_cluster_that_goes_on(cluster: Cluster) -> None:
    leader, before = cluster.leader(), {host: serial(cluster, host) for host in cluster.hosts}
    cluster.configure("-e", "host_certificate_renewal_days=400")
    after = {host: serial(cluster, host) for host in cluster.hosts}
    assert all(after[host] != before[host] for host in cluster.hosts), (before, after)
    assert cluster.leader() == leader
    cluster.wait_until_well(30)
    assert set(changed(cluster.configure()).values()) == {0}


def test_who_has_no_certificate_of_a_member_does_not_replicate(cluster: Cluster) -> None:
    answer = ask(cluster, "SELECT 1", user="replication", dbname="postgres")
    assert answer.startswith("refused"), answer


def rotated(kinds: list[str], number: int, commit: str) -> list[str]:
    """So many kinds, which the commit chooses."""
    turn = int(hashlib.sha256(commit.encode()).hexdigest(), 16)
    return [kinds[(turn + step) % len(kinds)] for step in range(number)]


@pytest.mark.parametrize("kind", ["host", *rotated(sorted(set(KINDS) - {"host"}), 3, git("rev-parse", "HEAD"))])
def test_no_fault_loses_a_commit_or_lets_two_acknowledge(cluster: Cluster, kind: str, tmp_path: Path) -> None:
    found = one_round(cluster, KINDS[kind], tmp_path)
    assert (found["lost"], found["overlaps"]) == (0, 0), found
    assert float(found["outage_s"] or 0) < 2 * KINDS[kind].goal, found


def test_after_a_failover_a_run_changes_nothing_and_demotes_nobody(cluster: Cluster, tmp_path: Path) -> None:
    before = cluster.leader()
    one_round(cluster, KINDS["network"], tmp_path)
    leader = cluster.leader()
    assert leader != before
    assert set(changed(cluster.configure()).values()) == {0}
    assert cluster.leader() == leader


def test_a_switchover_moves_the_lead_without_a_loss(cluster: Cluster) -> None:
    target = next(host for host in cluster.hosts if host != cluster.leader())
    cluster.run(target, "postgresql-failover", "switchover", "--to", target)
    assert cluster.leader() == target
    cluster.wait_until_well(WELL)


CONFIRMED = ("-e", "postgresql_restore_confirmed=true")


def test_the_log_arrives_and_a_first_backup_is_there(cluster: Cluster) -> None:
    answer = cluster.run("backup-1", "runuser", "-u", "postgres", "--", "pgbackrest", "--output=json", "info")
    (stanza,) = json.loads(answer)
    assert stanza["name"] == "chaos" and stanza["cipher"] == "aes-256-cbc" and stanza["backup"], answer
    assert cluster.sql(cluster.leader(), "SELECT failed_count, archived_count > 0 FROM pg_stat_archiver").endswith("|t")


def test_a_restore_that_nobody_confirmed_changes_nothing(cluster: Cluster) -> None:
    leader = cluster.leader()
    with pytest.raises(ChaosError, match="replaces the data of db-1, db-2, db-3"):
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
    assert set(changed(cluster.configure()).values()) == {0}


def test_the_cluster_comes_back_when_all_of_its_data_are_lost(cluster: Cluster) -> None:
    cluster.sql(cluster.leader(), "INSERT INTO moments VALUES (3); SELECT pg_switch_wal()")
    cluster.playbook("backup", "-e", "kind=incr")
    for host in cluster.hosts:
        cluster.run(host, "systemctl", "stop", "postgresql-failover", "postgresql-failover-guard", "postgresql-cluster")
        cluster.run(host, "sh", "-c", f"rm -rf {DATA}/main {WAL}/main /var/lib/postgresql-failover/*")
    cluster.playbook("restore", *CONFIRMED)
    cluster.wait_until_well(WELL)
    assert cluster.sql(cluster.leader(), "SELECT n FROM moments ORDER BY n").split() == ["1", "3"]


def test_without_confirmations_and_fencing_the_rounds_find_loss_and_overlap(cluster: Cluster, tmp_path: Path) -> None:
    t1 = {"postgresql_failover_t1": 3.0}
    cluster.configure(**UNSAFE)
    try:
        found = one_round(cluster, KINDS["network"], tmp_path)
    finally:
        cluster.configure(**SAFE, **t1)
    assert found["lost"] and found["overlaps"], found
    cluster.wait_until_well(WELL)
