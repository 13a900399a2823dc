"""Clients that know one server only, through the proxy on their own host."""

from __future__ import annotations

import time
from pathlib import Path

from lab.chaos.cluster import PASSWORD, ChaosError, Cluster
from lab.chaos.rounds import SERVES, WELL
from lab.machine.processes import wait_for
from tests.platform.postgresql.clients import MARKS, start, status, stop

pytestmark = MARKS

HOST = "chaos-backup"
CHECK = (HOST, "proxy leads to a primary")
WORDS = f"host=127.0.0.1 dbname=postgres user=chaos password={PASSWORD} sslmode=verify-full connect_timeout=3"


def ask(cluster: Cluster, statement: str, port: int = 5432) -> str:
    """What a client on the proxy's host gets. Raises ChaosError."""
    conninfo = f"{WORDS} port={port} sslrootcert=/etc/postgresql-proxy/ca.crt"
    return cluster.run(HOST, "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", conninfo, "-c", statement).strip()


def server_of(cluster: Cluster, port: int = 5432) -> str:
    """The host whose server answers; empty for none."""
    try:
        address = ask(cluster, "SELECT host(inet_server_addr())", port)
    except ChaosError:
        return ""
    return {address: name for name, address in cluster.addresses.items()}[address]


def test_it_leads_to_the_primary_and_to_a_standby_encrypted_end_to_end(cluster: Cluster) -> None:
    cluster.wait_until_well(WELL)
    assert wait_for(lambda: server_of(cluster) == cluster.leader(), 10, 0.5)
    encrypted = "SELECT ssl, pg_is_in_recovery() FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    assert ask(cluster, encrypted) == "t|f"
    assert ask(cluster, encrypted, 5433) == "t|t"
    assert server_of(cluster, 5433) in set(cluster.hosts) - {cluster.leader()}


def test_it_follows_a_switchover_and_a_failover(cluster: Cluster, tmp_path: Path) -> None:
    first = cluster.leader()
    wanted = next(host for host in cluster.hosts if host != first)
    cluster.playbook("switchover", "-e", f"node={wanted}")
    assert wait_for(lambda: server_of(cluster) == wanted, 10, 0.2)
    cluster.wait_until_well(WELL)
    stop(cluster, wanted)
    gone = time.monotonic()
    try:
        assert wait_for(lambda: server_of(cluster) not in ("", wanted), SERVES, 0.2)
        assert time.monotonic() - gone < SERVES
        assert status(cluster, tmp_path / "status.json")[CHECK]["ok"]
    finally:
        start(cluster, wanted)
    cluster.wait_until_well(WELL)


def test_without_a_leader_it_leads_nowhere_and_status_says_so(cluster: Cluster, tmp_path: Path) -> None:
    for host in cluster.hosts:
        stop(cluster, host)
    try:
        assert wait_for(lambda: server_of(cluster) == "", 15, 0.5)
        verdict = status(cluster, tmp_path / "status.json")[CHECK]
        assert not verdict["ok"] and "journalctl -u postgresql-proxy" in verdict["detail"]
    finally:
        for host in cluster.hosts:
            start(cluster, host)
    cluster.wait_until_well(WELL)
    assert wait_for(lambda: server_of(cluster) == cluster.leader(), SERVES, 0.5)
