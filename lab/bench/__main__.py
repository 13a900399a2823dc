"""Measure what the collection does against the same by hand, and print one JSON document.

Standard output is one object: for each figure `ours` and `reference` (medians), `ratio`, `unit`, `limit`,
`within_limit`, `compares` (what against what), `runs` (every value), `spread` ((max - min) / median) and `conditions`.
Both sides start from fresh guests whose containerd holds all images; both download the same binaries from the lab's
mirror while the clock runs. It stops when the command has ended, every node is Ready and CoreDNS is available.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab import package_proxy, settings, sysctls
from lab.alone import alone
from lab.bench import figures, guests, images, mirrors
from lab.bench.guests import BenchError
from lab.bench.processors import busy
from lab.bench.rounds import PARTS, Plan, measure, say

LOGS = settings.LOGS / "bench"
LOCK = settings.STATE / "bench.lock"
QUIET = 0.15
"""Part of the processors that others may take in a measurement worth reporting."""


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    grammar = argparse.ArgumentParser(prog="python -m lab.bench", description=__doc__)
    grammar.add_argument("--rounds", type=int, default=3, help="how often each side is measured (default: 3)")
    grammar.add_argument("--quick", action="store_true", help="leave out what is done for 8 hosts")
    grammar.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure (default: all)")
    grammar.add_argument("--strict", action="store_true", help="end with status 1 when a figure is beyond its limit")
    return grammar


def main() -> int:
    """Measure, print the document, remove the guests, whatever happens."""
    arguments = parser().parse_args()
    if arguments.rounds < 1:
        parser().error("--rounds must be at least 1")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with alone(LOCK, BenchError("another benchmark runs on this machine")):
            document = run(arguments.rounds, arguments.quick, tuple(arguments.parts))
    except (BenchError, RuntimeError, OSError) as problem:
        say(str(problem))
        return 1
    except KeyboardInterrupt:
        say("interrupted; the guests are removed")
        return 130
    print(json.dumps(document, indent=2))
    print(figures.table(document), file=sys.stderr)
    beyond = figures.beyond_limits(document)
    for sentence in beyond:
        say(sentence)
    return 1 if arguments.strict and beyond else 0


def run(rounds: int, quick: bool, parts: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Everything between a checked machine and the document."""
    artifacts = images.locked()
    kubernetes = images.default_kubernetes(artifacts)
    pulled = images.addresses(artifacts, kubernetes, "image")
    LOGS.mkdir(parents=True, exist_ok=True)
    guests.remove_all()
    try:
        with (
            _sysctls(),
            package_proxy.for_guests(),
            mirrors.served() as served,
            tempfile.TemporaryDirectory(prefix="ai-infn-bench-") as folder,
        ):
            if "overlay" in parts:  # the only part whose guests begin with images
                mirrors.need([*pulled.values(), *images.addresses(artifacts, kubernetes, "file").values()])
                say("pulling the images once")
                images.preload(Path(folder) / "template", served.registry, sorted(pulled.values()))
            plan = Plan(Path(folder), LOGS, served, kubernetes, pulled["probe"], parts, many=0 if quick else 8)
            found, others = measure(plan, rounds, busy)
    finally:
        _with_patience(guests.remove_all)
        _with_patience(guests.forget_images)
    return figures.document(found, conditions(kubernetes, others))


def conditions(kubernetes: str, others: Sequence[float]) -> dict[str, Any]:
    """What a reader must know to compare the figures with others."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} processors, Linux {platform.release()}",
        "kubernetes": kubernetes,
        "images": "in containerd on both sides before the clock starts",
        "binaries": "downloaded from the lab's mirror by both sides while the clock runs",
        "other_work": [round(part, 2) for part in others],
        "quiet": max(others) <= QUIET,
    }


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _with_patience(step: Any) -> None:
    """Take a step of the cleanup to its end, a second Ctrl-C notwithstanding."""
    kept = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        step()
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextmanager
def _sysctls() -> Iterator[None]:
    """Settings of the whole machine that guests need or write; put back unless they are the raised lab's."""
    borrowed = not sysctls.NOTE.exists()
    sysctls.note_and_raise()
    yield
    if borrowed:
        sysctls.put_back()
        sysctls.NOTE.unlink()


if __name__ == "__main__":
    sys.exit(main())
