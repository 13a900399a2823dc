"""`python -m lab`: raise, remove and look at the one-machine cloud."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab import cloud, processes, requirements, settings, supervise
from lab.openstack import operator
from lab.phases import PlanError, Progress, execute

LOCK = settings.CACHE / "lock"
VERBS = {
    "up": "make this machine a cloud, or repair the one that it is",
    "down": "remove the cloud from this machine; what was built stays cached",
    "reset": "remove the cloud and raise an empty one",
    "status": "say what runs",
    "logs": "show the end of a program's log",
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    verbs = made.add_subparsers(dest="verb", required=True)
    added = {verb: verbs.add_parser(verb, help=text) for verb, text in VERBS.items()}
    for verb in ("up", "reset"):
        added[verb].add_argument(
            "--cloud-only", action="store_true", help="neither build nor serve the overlay's artifacts"
        )
    added["status"].add_argument("--json", action="store_true", help="one JSON document")
    added["logs"].add_argument("name", help="a name that `status` shows")
    added["logs"].add_argument("-n", "--lines", type=int, default=50)
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run one verb and return the exit status."""
    options = parser().parse_args(arguments)
    if options.verb == "status":
        return status(as_json=options.json)
    if options.verb == "logs":
        print(supervise.log_tail(options.name, options.lines))
        return 0
    progress = Progress()
    if os.geteuid():
        return _refuse(requirements.problems(requirements.inspect()))
    with _alone(progress):
        if options.verb in {"down", "reset"}:
            cloud.down(progress.say)
            progress.say("the lab is gone from this machine")
        return 0 if options.verb == "down" else up(progress, artifacts=not options.cloud_only)


def up(progress: Progress, *, artifacts: bool = True) -> int:
    """Raise the lab; 0 when it serves."""
    problems = requirements.problems(requirements.inspect())
    if problems:
        return _refuse(problems)
    found = cloud.recover()
    if found:
        progress.say(f"ended what was left of an earlier lab: {', '.join(found)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        execute(cloud.plan(artifacts=artifacts), progress)
    except PlanError as error:
        _leave(f"lab up: {error}", 1)
    except KeyboardInterrupt:
        _leave("lab up: interrupted; the next run goes on where this one stopped", 130)
    progress.say(f"the cloud serves at {operator.config.KEYSTONE}; the tenant's credentials: {operator.TENANT_CLOUDS}")
    return 0


def _leave(message: str, status: int) -> None:
    """End at once, with the builds under way: they are resumed by the next run."""
    print(message, file=sys.stderr, flush=True)
    processes.end(processes.descendants())
    os._exit(status)


def status(as_json: bool) -> int:
    """Print the state of every program; 0 when all of them run."""
    programs: dict[str, Any] = {
        name: {
            "state": info["statename"],
            "pid": info["pid"],
            "seconds": info["now"] - info["start"] if info["pid"] else 0,
        }
        for name, info in sorted(supervise.states().items())
    }
    good = bool(programs) and all(program["state"] == "RUNNING" for program in programs.values())
    if as_json:
        print(json.dumps({"ok": good, "programs": programs}, indent=2))
    elif not programs:
        print("the lab is down")
    else:
        for name, program in programs.items():
            print(f"{name:<32} {program['state']:<10} {program['seconds']:>8} s")
    return 0 if good else 1


def _refuse(problems: list[str]) -> int:
    print("This machine cannot become the lab:", file=sys.stderr)
    for problem in problems:
        print(f"  - {problem}", file=sys.stderr)
    return 2


@contextmanager
def _alone(progress: Progress) -> Iterator[None]:
    """Only one of up, down and reset at a time."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("waiting for another `python -m lab` to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
