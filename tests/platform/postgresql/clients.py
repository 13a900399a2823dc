"""What the tests of the cluster share: their marks, a client, and what a playbook changed."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from lab import fabric
from lab.chaos.cluster import Cluster

MARKS = [
    pytest.mark.rotation(
        "postgresql", "services/postgresql_failover", "roles/postgresql", "roles/etcd", "roles/host_certificate",
        "roles/host_setup", "roles/pgbackrest", "playbooks/database.yml", "playbooks/restore.yml", "lab/chaos",
        "plugins/modules/postgresql", "plugins/modules/pgbackrest", "tests/platform/postgresql",
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
