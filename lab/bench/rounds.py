"""One round: the same stages on each side with fresh guests, timed, and the end states compared."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import settings
from lab.bench import database, guests, planning, processors, state
from lab.bench.bare import Bare
from lab.bench.bare.database import BareDatabase
from lab.bench.figures import OURS, SIDES
from lab.bench.guests import CONTROL, BenchError, Host
from lab.bench.mirrors import Mirrors
from lab.bench.ours import ALLOWED_ON_OLD_HOSTS, Ours
from lab.bench.relayout import Relayout
from lab.machine import podman


@dataclass(frozen=True)
class Plan:
    """What to measure: ``few`` hosts at first, and if ``many`` is not 0, growth to that many before another joins."""

    folder: Path
    logs: Path
    mirrors: Mirrors
    kubernetes: str
    probe: str
    parts: tuple[str, ...]
    few: int = 3
    many: int = 8


PARTS = "overlay", "database", "relayout"
"""What is measured: hosts of the overlay, a database cluster, a card of the lab's own site."""
Values = dict[str, float]


def say(text: str) -> None:
    """Tell the person who waits, beside the document on standard output."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def one_round(plan: Plan, number: int) -> dict[str, Values]:
    """Measure both sides, the first one alternating; {side: {value name: value}}."""
    found: dict[str, Values] = {side: {} for side in SIDES}
    if "overlay" in plan.parts:
        found = overlay_values(plan, number)
    if "database" in plan.parts:
        for side in SIDES if number % 2 else SIDES[::-1]:
            found[side] |= database_values(plan, side, number)
    return found


def overlay_values(plan: Plan, number: int) -> dict[str, Values]:
    """Measure both sides of the overlay, and prove that they end alike."""
    found: dict[str, Values] = {}
    states: dict[str, list[dict[str, Any]]] = {}
    for side in SIDES if number % 2 else SIDES[::-1]:
        found[side], states[side] = one_side(plan, side, number)
    for ours, reference in zip(*(states[side] for side in SIDES), strict=True):
        different = state.differences(ours, reference)
        if different:
            raise BenchError(f"the sides end differently in {', '.join(different)}: {ours} and {reference}")
    # The least run of ansible is measured on our side's guests, and is the reference of the run that changes nothing.
    found["reference"]["no_change_run"] = found[OURS].pop("ping")
    planned = planning.values()
    return {side: found[side] | planned[side] for side in SIDES}


def database_values(plan: Plan, side: str, number: int) -> Values:
    """Measure how long three guests take to be a database cluster, and what it takes then."""
    folder = plan.folder / f"database-{side}-{number}"
    folder.mkdir(mode=0o700)
    made = (
        database.OursDatabase(folder, plan.logs, plan.mirrors, plan.kubernetes)
        if side == OURS
        else BareDatabase(folder)
    )
    values = database.one_side(made, folder)
    shutil.rmtree(folder)
    say(f"{side}: database {values['database']:.1f} s, {values['transactions']:.0f} transactions a second")
    return values


def relayout_values(plan: Plan, number: int) -> dict[str, Values]:
    """Measure how long a card of the lab's site takes to be cut otherwise."""
    relayout = Relayout(plan.folder / f"relayout-{number}", plan.logs, plan.probe)
    try:
        values = relayout.one_round(number)
    finally:
        relayout.close()
    for side in SIDES:
        say(f"{side}: relayout {values[side]['relayout']:.1f} s")
    return values


def one_side(plan: Plan, side: str, number: int) -> tuple[Values, list[dict[str, Any]]]:
    """Boot fresh guests, take one side through all stages, and remove them; its values and end states."""
    folder = plan.folder / f"{side}-{number}"
    folder.mkdir(mode=0o700)
    made = (
        Ours(folder, plan.logs, plan.mirrors, plan.kubernetes)
        if side == OURS
        else Bare(folder, plan.mirrors, plan.kubernetes)
    )
    stages = Stages(plan, made)
    try:
        stages.cluster()
        stages.add_one(plan.few)
        if isinstance(made, Ours):
            stages.nothing(made)
        if plan.many:
            stages.grow()
            stages.add_one(plan.many)
    finally:
        made.close()
        guests.remove_all()
        shutil.rmtree(folder)
    return stages.values, stages.states


class Stages:
    """The timed steps of one side, in order."""

    def __init__(self, plan: Plan, side: Ours | Bare) -> None:
        self._plan = plan
        self._side = side
        self._hosts: list[Host] = guests.fleet(plan.few)
        self._shell = guests.Shell(plan.folder / f"check-{side.name}-{time.monotonic_ns()}")
        self.values: Values = {}
        self.states: list[dict[str, Any]] = []

    def cluster(self) -> None:
        """Booted guests to a working cluster."""
        guests.boot_all(self._hosts)
        with self._timed("cluster_ready"):
            self._side.cluster(self._hosts)
        self._prove()

    def add_one(self, existing: int) -> None:
        """Boot one more guest and add it as a worker, to a cluster that has come to rest after its last growth."""
        old = {host.name: host.address for host in self._hosts}
        new = guests.worker(existing)
        self._hosts.append(new)
        if not processors.rest():
            say(f"{self._side.name}: the machine does not come to rest")
        with self._timed(f"add_worker_{existing}"):
            boot = guests.boot(new)
            self._side.add(self._hosts, [new])
        say(f"{self._side.name}: {boot:.1f} s of these to boot")
        self._prove()
        beyond: list[str] = []
        if isinstance(self._side, Ours):
            unexplained = self._side.last.unexplained(old)
            if unexplained:
                raise BenchError(
                    f"commands were sent to {', '.join(unexplained)}, but no task is known to have run there"
                )
            beyond = self._side.last.tasks_beyond(old, ALLOWED_ON_OLD_HOSTS)
            self.values[f"round_trips_{existing}"] = sum(self._side.last.round_trips.values())
        self.values[f"add_worker_{existing}_old_host_tasks"] = len(beyond)
        for one in beyond[:20]:
            say(f"on a host that was there before: {one}")

    def grow(self) -> None:
        """Add workers at once, untimed, until there are as many hosts as the next stage needs."""
        new = [guests.worker(number) for number in range(len(self._hosts), self._plan.many)]
        guests.boot_all(new)
        self._hosts += new
        self._side.add(self._hosts, new)

    def nothing(self, ours: Ours) -> None:
        """Run the playbook with nothing to change, and the least run of ansible."""
        self.values["no_change_run"] = ours.again(self._hosts)
        self.values["ping"] = ours.ping(self._hosts)
        say(f"{ours.name}: no_change_run {self.values['no_change_run']:.1f} s per host")

    def _prove(self) -> None:
        self.states.append(state.observe(self._shell, CONTROL, self._hosts, self._plan.probe))

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        used, started = guests.processor_seconds(self._hosts), time.monotonic()
        yield
        self.values[name] = time.monotonic() - started
        self.values[f"{name}_processors"] = guests.processor_seconds(self._hosts) - used
        spent = self.values[f"{name}_processors"]
        say(f"{self._side.name}: {name} {self.values[name]:.1f} s, {spent:.1f} s of processors")
        if isinstance(self._side, Ours):
            slowest = [f"{task} {seconds:.1f}" for seconds, task in self._side.last.slowest(5)]
            say(f"{self._side.name}: slowest tasks: {'; '.join(slowest)}")


def measure(plan: Plan, rounds: int, quiet: Callable[[], float]) -> tuple[list[dict[str, Values]], Sequence[float]]:
    """All rounds, and how busy the rest of the machine was before each."""
    found, busy = [], []
    with lab_frozen():
        for number in range(1, rounds + 1):
            busy.append(quiet())
            say(f"round {number} of {rounds}; other work takes {busy[-1]:.0%} of the processors")
            found.append(one_round(plan, number))
    for number, values in enumerate(found if "relayout" in plan.parts else [], 1):
        measured = relayout_values(plan, number)
        for side in SIDES:
            values[side] |= measured[side]
    return found, busy


@contextmanager
def lab_frozen() -> Iterator[None]:
    """The machines of a raised lab stand still, since they would take a good part of the processors."""
    podman.thaw()  # what a benchmark that was killed has left
    running = [found for found in podman.containers() if found["State"] == "running"]
    podman.freeze([found["Names"][0] for found in running if found["Labels"][f"{settings.LABEL}.owner"]])
    try:
        yield
    finally:
        podman.thaw()
