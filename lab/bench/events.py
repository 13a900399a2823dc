"""Reads what a run of a playbook did: which tasks ran on which hosts, and how many commands went over SSH."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOCAL_ACTIONS = frozenset(
    f"ansible.builtin.{name}"
    for name in (
        "add_host", "assert", "debug", "fail", "group_by", "import_role", "import_tasks", "include_role",
        "include_tasks", "include_vars", "meta", "set_fact", "validate_argument_spec",
    )
)  # fmt: skip
"""Actions that the controller carries out by itself: they cost the host nothing."""


@dataclass(frozen=True)
class Run:
    """One run of a playbook: its events in order, and {address: commands sent over SSH}."""

    events: tuple[Mapping[str, Any], ...]
    round_trips: Mapping[str, int]

    def changed(self) -> list[str]:
        """``host: task`` of everything that changed."""
        return [f"{event['host']}: {event['task']}" for event in self.events if event.get("changed")]

    def remote_tasks(self, hosts: Collection[str]) -> list[str]:
        """``host: task`` of every task that ran on one of ``hosts``, also by delegation."""
        return [
            f"{host}: {event['task']}"
            for event in self.events
            if event["event"] in ("ok", "failed") and event["action"] not in LOCAL_ACTIONS
            for host in event["on"]
            if host in hosts
        ]

    def tasks_beyond(self, hosts: Collection[str], allowed: Iterable[str]) -> list[str]:
        """The remote tasks on ``hosts`` whose name (after the role's) is not one of ``allowed``."""
        names = set(allowed)
        return [one for one in self.remote_tasks(hosts) if task_name(one.partition(": ")[2]) not in names]

    def unexplained(self, hosts: Mapping[str, str]) -> list[str]:
        """Those of ``hosts`` {name: address} that commands were sent to though no task is known to have run there."""
        return [
            name for name, address in hosts.items() if self.round_trips.get(address) and not self.remote_tasks([name])
        ]

    def slowest(self, number: int = 15) -> list[tuple[float, str]]:
        """(seconds, ``host: task``) of the tasks after which a host's next result was longest in coming."""
        times: list[tuple[float, str]] = []
        before: dict[str, float] = {}
        for event in self.events:
            if event["event"] != "start":
                host, began = event["host"], before.get(event["host"], self.events[0]["time"])
                times.append((round(event["time"] - began, 2), f"{host}: {task_name(event['task'])}"))
                before[host] = event["time"]
        return sorted(times, reverse=True)[:number]


def task_name(full: str) -> str:
    """The name that the task's author gave, without the role before it."""
    return full.rpartition(" : ")[2]


def read(events: Path, trips: Path) -> Run:
    """Read the files that the callback and the SSH wrapper wrote; a missing file is an empty one."""
    lines = events.read_text(encoding="utf-8").splitlines() if events.exists() else []
    words = trips.read_text(encoding="utf-8").split() if trips.exists() else []
    return Run(tuple(json.loads(line) for line in lines), dict(Counter(word.strip("[]") for word in words)))


def wrapper(program: str, network: str, trips: Path) -> str:
    """A shell script in place of ``ssh`` or ``sftp`` that notes each host it is called for."""
    return f"""#!/bin/sh
for word; do
    case $word in {network}*|"[{network}"*) echo "$word" >>{trips} ;; esac
done
exec {program} "$@"
"""
