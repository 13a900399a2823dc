"""The processes of the server on this host, found by their working directory: also those whose postmaster is dead."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path

PROC = Path("/proc")
RECEIVER, IDLE = "walreceiver", "idle"
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
"""The question whether TLS is offered, which a server answers before it knows who asks (protocol 3.0, SSLRequest)."""


def of_server(data: str, proc: Path = PROC) -> dict[int, str]:
    """Return {process: title} of the programs named postgres whose working directory is the server's data."""
    found = {}
    for folder in proc.iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if (folder / "cwd").readlink() == Path(data) and (folder / "exe").readlink().name == "postgres":
                title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                found[int(folder.name)] = title
    return found


def receiver(found: Mapping[int, str]) -> int:
    """Return the process that receives the log, 0 for none, by {process: title}."""
    return next((number for number, title in found.items() if RECEIVER in title and not title.endswith(IDLE)), 0)


def postmaster(data: str, processes: dict[int, str]) -> int:
    """Return the process that leads the others, 0 for none."""
    try:
        number = int((Path(data) / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])
    except (OSError, ValueError, IndexError):
        return 0
    return number if number in processes else 0


def kill(data: str, deadline: float) -> bool:
    """Kill all, those first that could start others; whether they are gone in time."""

    def gone() -> bool:
        processes = of_server(data)
        first = postmaster(data, processes)
        for number in sorted(processes, key=lambda one: one != first):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        return not processes

    return wait_for(gone, deadline)


def end_idle_receivers(data: str, deadline: float) -> bool:
    """End receivers whose sender has no more for them; whether they are gone in time.

    They stay connected to it until the server has a task for them, and would then go on with it, whomever the
    configuration names by that time.
    """

    def gone() -> bool:
        idle = [number for number, title in of_server(data).items() if RECEIVER in title and title.endswith(IDLE)]
        for number in idle:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGTERM)
        return not idle

    return wait_for(gone, deadline)


def answers(folder: str, port: int, timeout: float) -> bool:
    """Whether the server answers a first question over its local socket, as it does in recovery too."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(timeout)
        try:
            link.connect(f"{folder}/.s.PGSQL.{port}")
            link.sendall(SSL_REQUEST)
            return link.recv(1) in (b"N", b"S")
        except OSError:
            return False


def wait_for(predicate: Callable[[], bool], deadline: float, interval: float = 0.02) -> bool:
    """Poll until the predicate holds or the deadline (seconds) is over; whether it held."""
    end = time.monotonic() + deadline
    while not predicate():
        if time.monotonic() > end:
            return False
        time.sleep(interval)
    return True
