"""What speaks against a server: it answers nobody, does not receive, has no room, or does not stay up."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from postgresql_failover import processes
from postgresql_failover.settings import Settings

STARTS, STABLE = 3, 20.0
"""So many starts without having been up for so many seconds are too many."""
STEADY = 1.2
"""Seconds after which one that receives nothing was seen idle: it tries again each ``wal_retrieve_retry_interval``."""
MIB = 1 << 20


class Health:
    """What was seen of a server over time, by the clock of this host."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._answered = self._received = self._started = self._works = clock()
        self._short: float | None = None
        self._starts = self._receiver = 0
        self.streams = False

    def starts(self) -> None:
        """Note that it is started."""
        self._starts += 1
        self._started = self._answered = self._clock()

    def begins_to_receive(self) -> None:
        """Note that it was told to receive."""
        self._received = self._clock()

    def receiving(self, found: Mapping[int, str]) -> bool:
        """Whether it receives, or did until lately, by {process: title}.

        It does when all looks for longer than a second find the same receiver at work: where the log has branched off,
        one asks for more each second and gets nothing, or a new one begins.
        """
        now = self._clock()
        receiver = processes.receiver(found)
        if receiver != self._receiver:
            self._receiver, self._works = receiver, now
        self.streams = bool(receiver) and now - self._works >= STEADY
        if self.streams:
            self._received = now
        return now - self._received <= self._settings.patience

    def short(self, streaming: frozenset[str] | None) -> float:
        """For how many seconds it is known that fewer standbys stream than are to confirm; None if nobody asked."""
        if streaming is None or len(streaming) >= self._settings.confirmations:
            self._short = None
            return 0.0
        now = self._clock()
        self._short = now if self._short is None else self._short
        return now - self._short

    def stuck(self, running: bool, primary: bool) -> str:
        """Why it cannot go on as a primary; empty where it can."""
        now = self._clock()
        if not running:
            return f"it ended {self._starts} times soon after its start" if self._starts >= STARTS else ""
        if now - self._started > STABLE:
            self._starts = 0
        if not primary or processes.answers(self._settings.socket, self._settings.port, self._settings.timeout):
            self._answered = now
            return ""
        silent = now - self._answered
        return f"it has answered nobody for {silent:.1f} s" if silent > self._settings.patience else ""

    def full(self) -> str:
        """Why it should not be a primary though it could; empty where it should."""
        for folder in filter(None, (self._settings.data, self._settings.wal)):
            if Path(folder).exists():
                system = os.statvfs(folder)
                free = system.f_bavail * system.f_frsize
                if free < self._settings.room:
                    return f"{folder} has {free / MIB:.0f} MiB left, needed {self._settings.room / MIB:.0f}"
        return ""
