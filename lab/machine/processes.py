"""Processes by id and birth, so that a reused process id is never taken for the process that had it before."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path


def birth(process: int) -> int | None:
    """When the process started, in the kernel's clock ticks since boot; None when there is none or only its corpse."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name, in parentheses, may hold anything; the state is the third field and the start time the 22nd.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def kill(process: int, seconds: float = 5) -> None:
    """Kill a process and wait until it is gone; 0 stands for none."""
    if process <= 0:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    wait_for(lambda: birth(process) is None, seconds)


def wait_for(predicate: Callable[[], bool], seconds: float, interval: float = 0.05) -> bool:
    """Poll the predicate until it holds or the time is over; returns whether it held."""
    deadline = time.monotonic() + seconds
    while not predicate():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True
