"""Three booted guests to a database cluster, by database.yml and by hand, and how many transactions that takes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.bench import guests
from lab.bench.bare.database import BareDatabase, sql
from lab.bench.guests import NETWORK, PREFIX, BenchError, Host, Shell
from lab.bench.ours import Ours
from lab.machine.processes import wait_for

HOSTS = [Host(f"{PREFIX}db-{number}", f"{NETWORK}{210 + number}") for number in (1, 2, 3)]
CONFIRM = """
SELECT count(*) FROM pg_stat_replication JOIN pg_stat_ssl USING (pid)
WHERE state = 'streaming' AND sync_state = 'quorum' AND version = 'TLSv1.3'
"""
SCALE, CLIENTS, SECONDS = 5, 4, 10
PGBENCH = "/usr/lib/postgresql/17/bin/pgbench"
ROLES = "CREATE ROLE bench LOGIN PASSWORD 'bench'; CREATE ROLE plain LOGIN PASSWORD 'bench' IN ROLE bench"
ALONE = "ALTER SYSTEM RESET synchronous_standby_names"


class OursDatabase(Ours):
    """Makes a database cluster by the playbook."""

    made_by = "database"
    authority = "/etc/ai-infn/pki/ca.crt"

    def cluster(self, hosts: Sequence[Host]) -> None:
        """From booted guests to the wanted state."""
        self.playbook(hosts, "database")

    def inventory(self, hosts: Sequence[Host]) -> dict[str, object]:
        """Database hosts that vote."""
        lines = {host.name: {"ansible_host": host.address} for host in hosts}
        groups = {"postgresql": {"hosts": lines}, "etcd": {"hosts": dict.fromkeys(lines)}}
        return {"all": {"vars": {"postgresql_client_cidrs": [f"{NETWORK}0/24"]}, "children": groups}}


def one_side(made: OursDatabase | BareDatabase, folder: Path) -> dict[str, float]:
    """Boot fresh guests, make them a cluster, prove that it is one, let transactions run, and remove the guests."""
    values: dict[str, float] = {}
    shell = Shell(folder / "check")
    first, *others = HOSTS
    try:
        with ThreadPoolExecutor(len(HOSTS)) as pool:
            list(pool.map(lambda host: guests.boot(host, None), HOSTS))
        used, started = guests.processor_seconds(HOSTS), time.monotonic()
        made.cluster(HOSTS)
        if not wait_for(lambda: sql(shell, first, CONFIRM) == str(len(others)), 60, 0.1):
            raise BenchError(f"{made.name}: {sql(shell, first, 'TABLE pg_stat_replication')}")
        values["database"] = time.monotonic() - started
        values["database_processors"] = guests.processor_seconds(HOSTS) - used
        sql(shell, first, ROLES)
        sql(shell, first, "CREATE DATABASE bench OWNER bench")
        if isinstance(made, BareDatabase):
            for host in others:
                shell.run(host, "systemctl kill --signal=KILL postgresql@17-main")
            sql(shell, first, ALONE)
            sql(shell, first, "SELECT pg_reload_conf()")
        values["transactions"] = transactions(shell, first, made)
    finally:
        made.close()
        shell.close()
        guests.remove_all()
    return values


def transactions(shell: Shell, host: Host, made: OursDatabase | BareDatabase) -> float:
    """Transactions a second of pgbench's usual kind on a server: confirmed and encrypted on our side, on the other
    side those of a server alone without encryption."""
    encrypted = f"user=bench sslmode=verify-full sslrootcert={made.authority}"
    how = encrypted if isinstance(made, OursDatabase) else "user=plain options=-crole=bench sslmode=disable"
    conninfo = f"host={host.name} hostaddr={host.address} dbname=bench password=bench {how}"
    shell.run(host, f"{PGBENCH} --initialize --scale={SCALE} --quiet '{conninfo}' >/dev/null 2>&1")
    printed = shell.run(host, f"{PGBENCH} --time={SECONDS} --client={CLIENTS} --no-vacuum '{conninfo}' 2>/dev/null")
    (found,) = [line for line in printed.splitlines() if line.startswith("tps = ")]
    return float(found.split()[2])
