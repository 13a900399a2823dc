"""Finds and ends the lab's processes, also when nobody supervises them any more.

They have a mark in their environment. Programs that write their title over that are known by their working directory.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from lab import settings

MARK = f"{settings.PROCESS_MARK}=1".encode()
KEEPS_GUESTS = frozenset({"conmon"})
"""Programs that hold a running guest: ended only together with their guest."""
TITLED = frozenset({"nginx", "nova-conductor:"})
"""Programs that write a title over their environment."""


@dataclass(frozen=True)
class Process:
    """One process: its id, parent and short name."""

    pid: int
    parent: int
    name: str


def has_mark(environment: bytes) -> bool:
    """Whether a /proc/PID/environ holds the lab's mark."""
    return MARK in environment.split(b"\0")


def marked(proc: Path = Path("/proc")) -> list[Process]:
    """Every process of the lab except this one and those that started it."""
    own = _ancestors(proc)
    found = []
    for folder in proc.iterdir():
        if not folder.name.isdigit() or int(folder.name) in own:
            continue
        try:
            state = _stat(folder)
            ours = has_mark((folder / "environ").read_bytes()) or bool(state and _is_ours_by_folder(state[0], folder))
        except OSError:
            continue
        if ours and state and state[2] != "Z":
            found.append(Process(int(folder.name), state[1], state[0]))
    return found


def _is_ours_by_folder(name: str, folder: Path) -> bool:
    return name in TITLED and (folder / "cwd").readlink().is_relative_to(settings.STATE)


def end(processes: list[Process], patience: float = 8.0) -> None:
    """Ask ``processes`` to end, kill those that are still there after ``patience`` seconds, and wait for them."""
    for wave, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 10.0)):
        alive = [process.pid for process in processes if _alive(process.pid)]
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, wave)
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline and any(_alive(pid) for pid in alive):
            time.sleep(0.05)
    left = [process for process in processes if _alive(process.pid)]
    if left:
        raise RuntimeError("processes that cannot be ended: " + ", ".join(f"{p.name} ({p.pid})" for p in left))


def _alive(pid: int) -> bool:
    state = None
    with contextlib.suppress(OSError):
        state = _stat(Path("/proc") / str(pid))
    return bool(state) and state is not None and state[2] != "Z"


def _stat(folder: Path) -> tuple[str, int, str] | None:
    text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
    name, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split()
    return (name, int(fields[1]), fields[0]) if len(fields) > 1 else None


def _ancestors(proc: Path) -> set[int]:
    own, pid = set(), os.getpid()
    while pid > 0 and pid not in own:
        own.add(pid)
        try:
            state = _stat(proc / str(pid))
        except OSError:
            break
        pid = state[1] if state else 0
    return own


def descendants(proc: Path = Path("/proc")) -> list[Process]:
    """Every process that this one started, directly or not."""
    everything = []
    for folder in proc.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                state = _stat(folder)
                if state and state[2] != "Z":
                    everything.append(Process(int(folder.name), state[1], state[0]))
    family, found = {os.getpid()}, []
    grown = True
    while grown:
        fresh = [process for process in everything if process.parent in family and process.pid not in family]
        found.extend(fresh)
        family.update(process.pid for process in fresh)
        grown = bool(fresh)
    return found
