"""A plan of phases: each starts when those it comes after have ended, and says in one line how long it took."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from lab import timings


@dataclass(frozen=True)
class Phase:
    """One step of raising the lab. ``action`` gets a function that prints a line, and may return what it found."""

    name: str
    title: str
    action: Callable[[Callable[[str], None]], str | None]
    after: Sequence[str] = ()


class PlanError(RuntimeError):
    """A phase failed; the message names it and says why."""


def may_start(plan: Sequence[Phase], started: Collection[str], ended: Collection[str]) -> list[Phase]:
    """Phases not started yet whose predecessors have all ended."""
    return [phase for phase in plan if phase.name not in started and all(before in ended for before in phase.after)]


def check(plan: Sequence[Phase]) -> None:
    """Refuse a plan that cannot end: an unknown predecessor or a circle. Raises ValueError."""
    names = [phase.name for phase in plan]
    unknown = {before for phase in plan for before in phase.after} - set(names)
    if unknown:
        raise ValueError(f"phases come after unknown ones: {', '.join(sorted(unknown))}")
    ended: list[str] = []
    while len(ended) < len(plan):
        able = may_start(plan, ended, ended)
        if not able:
            raise ValueError(f"phases wait for one another: {', '.join(sorted(set(names) - set(ended)))}")
        ended.extend(phase.name for phase in able)


class Progress:
    """Prints whole lines with the time since the start, from several threads."""

    def __init__(self, write: Callable[[str], None] = lambda line: print(line, flush=True)) -> None:
        self.started = time.monotonic()
        self._write = write
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Print one line."""
        with self._lock:
            self._write(f"[{time.monotonic() - self.started:5.0f} s] {text}")


def execute(plan: Sequence[Phase], progress: Progress) -> dict[str, float]:
    """Run the plan, as much at once as it allows, and return the seconds of each phase.

    Raises PlanError as soon as one phase fails; phases under way are left to the caller, which ends the process.
    """
    check(plan)
    seconds: dict[str, float] = {}
    running: dict[Future[float], Phase] = {}
    started: set[str] = set()
    pool = ThreadPoolExecutor(max_workers=len(plan), thread_name_prefix="phase")
    try:
        while len(seconds) < len(plan):
            for phase in may_start(plan, started, seconds):
                started.add(phase.name)
                running[pool.submit(_run, phase, progress)] = phase
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                phase = running.pop(future)
                try:
                    seconds[phase.name] = future.result()
                except Exception as error:
                    raise PlanError(f"{phase.name} failed: {error}") from error
                progress.say(f"({len(seconds)}/{len(plan)}) {phase.title}: {seconds[phase.name]:.1f} s")
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return seconds


def _run(phase: Phase, progress: Progress) -> float:
    began = time.monotonic()
    with timings.phase(phase.name):
        remark = phase.action(progress.say)
    if remark:
        progress.say(f"{phase.name}: {remark}")
    return time.monotonic() - began
