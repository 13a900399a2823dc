"""How busy the machine is, and when it is at rest."""

from __future__ import annotations

import time
from pathlib import Path

REST = 0.2
"""Part of the processors that a cluster of nine guests at rest takes, and a little more."""


def busy(seconds: float = 3.0) -> float:
    """Part of all processors that was busy in the next seconds, in which the caller itself does nothing."""
    first = _ticks()
    time.sleep(seconds)  # it is the length of what is measured, and waits for nothing
    second = _ticks()
    total, idle = (new - old for new, old in zip(second, first, strict=True))
    return 1 - idle / total if total else 0.0


def rest(deadline: float = 30.0) -> bool:
    """Wait until what was done before has come to an end; whether it did in time."""
    end = time.monotonic() + deadline
    while busy(1.0) > REST:
        if time.monotonic() > end:
            return False
    return True


def _ticks() -> tuple[int, int]:
    fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]
    numbers = [int(field) for field in fields]
    return sum(numbers), numbers[3] + numbers[4]
