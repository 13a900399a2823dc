"""Measure the shared filesystem against the local disk of the same guest, and print one JSON document.

Standard output is one object: for each figure `shared` and `local` (medians), `ratio` (shared / local), `unit`,
`compares`, `runs` (every value), `spread` ((max - min) / median) and `conditions`. Progress is on standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from lab import package_proxy, packages
from lab.alone import alone
from lab.bench.figures import ratio, spread
from lab.machine.handmade import HandmadeError
from lab.storage.cluster import BUSY, CLIENT, FIRST, HOSTS, LOCK, Storage
from lab.storage.jobs import Job, command, jobs, value

FOLDERS = {"shared": "/shared/homes/measured", "local": "/root/measured"}
SIZE_MIB, SECONDS = 256, 10
LONGEST_S = 300.0


def say(text: str) -> None:
    """Tell the person who waits, beside the document on standard output."""
    print(f"bench-storage: {text}", file=sys.stderr, flush=True)


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    grammar = argparse.ArgumentParser(prog="python -m lab.storage", description=__doc__)
    grammar.add_argument("--rounds", type=int, default=3, help="how often each side is measured (default: 3)")
    return grammar


def one_round(storage: Storage, wanted: tuple[Job, ...]) -> dict[str, dict[str, float]]:
    """Measure both sides, the one after the other: {side: {job: value}}."""
    found: dict[str, dict[str, float]] = {}
    for side, folder in FOLDERS.items():
        storage.run(CLIENT, "mkdir", folder)
        found[side] = {}
        for job in wanted:
            if job.anew and side == "shared":
                storage.run(CLIENT, "systemctl", "restart", "shared-filesystem")
            printed = storage.run(CLIENT, *command(job, folder), timeout=LONGEST_S)
            found[side][job.name] = value(job, json.loads(printed[printed.index("{") :]))
            say(f"  {job.name}, {side}: {found[side][job.name]:.1f} {job.unit}")
        storage.run(CLIENT, "rm", "--recursive", folder, timeout=LONGEST_S)
    return found


def document(
    wanted: tuple[Job, ...], rounds: list[dict[str, dict[str, float]]], conditions: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """The answer: {job: figure}."""
    figures = {}
    for job in wanted:
        runs = {side: [round(one[side][job.name], 2) for one in rounds] for side in FOLDERS}
        middle = {side: median(values) for side, values in runs.items()}
        figures[job.name] = {
            **middle,
            "ratio": ratio(middle["shared"], middle["local"]),
            "unit": job.unit,
            "compares": job.compares,
            "runs": runs,
            "spread": {side: spread(values) for side, values in runs.items()},
            "conditions": conditions,
        }
    return figures


def measure(storage: Storage, rounds: int, wanted: tuple[Job, ...]) -> dict[str, dict[str, Any]]:
    """Measure so many rounds on a cluster that is healthy, and return the document. Raises HandmadeError."""
    storage.run(CLIENT, "apt-get", "install", "--yes", "--no-install-recommends", "fio", timeout=LONGEST_S)
    found = []
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        found.append(one_round(storage, wanted))
    conditions = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} processors, Linux {platform.release()}, for client and cluster together",
        "cluster": f"{len(HOSTS)} hosts, an OSD each in a file of one disk, 2 copies",
        "version": storage.run(FIRST, "ceph", "--version").split()[2],
    }
    return document(wanted, found, conditions)


def alone_with_a_cluster(rounds: int, wanted: tuple[Job, ...]) -> dict[str, dict[str, Any]]:
    """Make the cluster, measure, and remove it. Raises HandmadeError."""
    packages.ensure()
    with tempfile.TemporaryDirectory(prefix="ai-infn-storage-") as folder, package_proxy.for_guests():
        storage = Storage(Path(folder) / "site")
        storage.remove()
        try:
            say(f"making a cluster of {len(HOSTS)} hosts and a client")
            storage.boot()
            storage.converge()
            storage.wait_until_well()
            return measure(storage, rounds, wanted)
        finally:
            storage.remove()


def main() -> int:
    """Measure and print the document, whatever happens remove the guests."""
    arguments = parser().parse_args()
    if arguments.rounds < 1:
        parser().error("--rounds must be at least 1")
    try:
        with alone(LOCK, BUSY):
            print(json.dumps(alone_with_a_cluster(arguments.rounds, jobs(SIZE_MIB, SECONDS)), indent=2))
    except (HandmadeError, RuntimeError, OSError) as problem:
        say(str(problem))
        return 1
    except KeyboardInterrupt:
        say("interrupted; the guests are removed")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
