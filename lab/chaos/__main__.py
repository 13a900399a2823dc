"""Let faults happen to a PostgreSQL cluster while clients write, and print one JSON document.

Standard output is one object whose keys are the kinds of fault, each with `rounds`, `lost` and `overlaps` (numbers of
commits), `outage_s` (seconds without a commit: median, p95, max), `t1_s` (the longest that a primary without the
others went on) and `t2_s` (the soonest that another one served). Every round is appended to the results file; rounds
that it has are not repeated. The folder beside that file keeps what a round wrote down that failed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import package_proxy, settings
from lab.alone import alone
from lab.chaos import records
from lab.chaos.cluster import ChaosError, Cluster
from lab.chaos.faults import KINDS
from lab.chaos.rounds import one_round

RESULTS = settings.REPOSITORY / "build" / "chaos-postgresql.jsonl"
LOCK = settings.STATE / "chaos.lock"
UNSAFE: dict[str, object] = {
    "postgresql_confirmations": 0,
    "postgresql_failover_at_risk": True,
    "postgresql_failover_t1": 3600.0,
}
"""Nothing confirms, nobody stops, and whoever is left leads: what the rounds must find out."""


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    grammar = argparse.ArgumentParser(prog="python -m lab.chaos", description=__doc__)
    grammar.add_argument("--rounds", type=int, default=1, help="how often each kind happens (default: 1)")
    grammar.add_argument("--kinds", default=",".join(KINDS), help="which kinds, separated by commas (default: all)")
    grammar.add_argument("--results", type=Path, default=RESULTS, help="the file to which rounds are appended")
    grammar.add_argument("--unsafe", action="store_true", help="without confirmations and fencing: must find loss")
    grammar.add_argument("--keep", action="store_true", help="leave the guests, for a look at them")
    return grammar


def say(text: str) -> None:
    """Tell the person who waits, beside the document on standard output."""
    print(f"chaos: {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Do what is left to do, print the document, remove the guests; 1 for a loss, an overlap or a round that failed."""
    arguments = parser().parse_args()
    kinds = arguments.kinds.split(",")
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        parser().error(f"unknown kinds: {', '.join(unknown)}; there are {', '.join(KINDS)}")
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(143))
    failed = False
    try:
        with (
            alone(LOCK, ChaosError("other rounds run on this machine")),
            package_proxy.for_guests(),
            raised(arguments.keep, UNSAFE if arguments.unsafe else {}) as cluster,
        ):
            run(cluster, kinds, arguments.rounds, arguments.results)
    except (ChaosError, RuntimeError, OSError) as problem:
        say(str(problem))
        failed = True
    document = {kind: records.summary(found) for kind, found in read(arguments.results, kinds).items()}
    print(json.dumps(document, indent=2))
    broken = any(one["lost"] or one["overlaps"] for one in document.values())
    return 1 if failed or broken else 0


def run(cluster: Cluster, kinds: list[str], rounds: int, results: Path) -> None:
    """Let each kind happen until the results have so many rounds of it."""
    results.parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, rounds + 1):
        for kind in kinds:
            if len(read(results, [kind])[kind]) >= number:
                continue
            began = time.monotonic()
            folder = results.with_suffix("") / f"{kind}-{number}"
            folder.mkdir(parents=True, exist_ok=True)
            found = one_round(cluster, KINDS[kind], folder)
            shutil.rmtree(folder)
            with results.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({"kind": kind, "date": time.strftime("%Y-%m-%d"), **found}) + "\n")
            outage = "nobody to serve" if found["outage_s"] is None else f"{found['outage_s']:.1f} s without a commit"
            say(
                f"{kind} {number}/{rounds}: {outage}, {found['lost']} lost, {found['overlaps']} overlaps,"
                f" {found['commits']} commits ({time.monotonic() - began:.0f} s)"
            )


def read(results: Path, kinds: list[str]) -> dict[str, list[dict[str, float | int | None]]]:
    """Return the rounds of each kind that the results have."""
    lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    rows = [json.loads(line) for line in lines]
    return {kind: [row for row in rows if row["kind"] == kind] for kind in kinds}


@contextmanager
def raised(keep: bool, options: dict[str, object]) -> Iterator[Cluster]:
    """A cluster, removed afterwards."""
    cluster = Cluster(settings.STATE / "chaos", options=options)
    cluster.remove()
    try:
        say("raising three hosts and their cluster")
        cluster.boot()
        cluster.configure()
        cluster.prepare()
        yield cluster
    finally:
        if not keep:
            cluster.remove()


if __name__ == "__main__":
    sys.exit(main())
