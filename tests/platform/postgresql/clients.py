"""What the tests of the cluster share: their marks, a client, what a playbook changed, and what status.yml finds."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab import fabric
from lab.chaos.cluster import ChaosError, Cluster
from tests.platform.subjects import DATABASE, HOST

MARKS = [
    pytest.mark.rotation(
        "postgresql",
        *HOST,
        *DATABASE,
        "playbooks/restore.yml",
        "playbooks/check_backup.yml",
        "playbooks/rotate_authority.yml",
        "lab/chaos",
        "lab/machine",
        "tests/platform/postgresql",
    ),
    pytest.mark.duration(240),
]

AGENTS = ("postgresql-failover-guard", "postgresql-failover")
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


def assert_unchanged(output: str) -> None:
    """Assert that no task of a playbook changed anything; those that did are named."""
    found = [
        f"{host}: {task.partition(']')[0]}"
        for task in output.split("\nTASK [")[1:]
        for host in re.findall(r"^changed: \[([^\] ]+)", task, re.MULTILINE)
    ]
    assert set(changed(output).values()) == {0}, found


def ask(cluster: Cluster, statement: str, **replaced: str) -> str:
    """What a client gets who connects with some parameters replaced."""
    words = dict(word.split("=", 1) for word in cluster.conninfo().split())
    conninfo = " ".join(f"{name}={value}" for name, value in {**words, **replaced}.items())
    done = subprocess.run(
        [*fabric.INSIDE, sys.executable, "-c", ASK, conninfo, statement], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def status(cluster: Cluster, path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The database's checks that status.yml writes to a file, by (host, check)."""
    path.unlink(missing_ok=True)
    with contextlib.suppress(ChaosError):  # its exit status says that something is not well
        cluster.playbook("status", "-e", f"status_file={path}")
    document = json.loads(path.read_text(encoding="utf-8"))
    return {(one["host"], one["check"]): one for one in document["checks"] if one["layer"] == "database"}


def stop(cluster: Cluster, host: str) -> None:
    """End a host's server and its agent."""
    cluster.run(host, "systemctl", "stop", *AGENTS, "postgresql-cluster")


def start(cluster: Cluster, host: str) -> None:
    """Start a host's agent, which starts the server."""
    cluster.run(host, "systemctl", "start", *AGENTS)


def failures(found: dict[tuple[str, str], dict[str, Any]]) -> dict[tuple[str, str], str]:
    """The details of those checks that failed."""
    return {key: one["detail"] for key, one in found.items() if not one["ok"]}
