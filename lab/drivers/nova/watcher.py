"""Sees guests end: boots those that rebooted themselves, as a hypervisor does, and reports the others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from lab.drivers.network import ports
from lab.machine import guest as guests
from lab.machine import podman

LOG = logging.getLogger(__name__)
REBOOTED = 129
"""Exit code of a guest that rebooted itself: the kernel ends a namespace's first process by SIGHUP then."""
INTERVAL = 1.0
Lock = Callable[[str], AbstractContextManager[object]]
"""Gives the lock of the server with this identity."""


class Watcher:
    """Looks after the guests of one compute service.

    Only a guest that it has seen running can end: those that were dead before are nova's to resume.
    """

    def __init__(self, owner: str, lock: Lock, ended: Callable[[str], None]) -> None:
        self._owner = owner
        self._lock = lock
        self._ended = ended
        self._seen: set[str] = set()

    def run(self) -> None:
        """Look for ever."""
        pause = threading.Event()
        while not pause.wait(INTERVAL):
            try:
                self.look()
            except Exception:
                LOG.exception("could not look after the guests; trying again")

    def look(self) -> None:
        """Look once."""
        for guest in guests.known(self._owner):
            if guests.is_running(guest):
                self._seen.add(guest.uuid)
            elif guest.uuid in self._seen:
                with self._lock(guest.uuid):
                    self._settle(guest.uuid)

    def _settle(self, uuid: str) -> None:
        guest = guests.load(uuid)
        if guest is None or guests.is_running(guest):
            return
        self._seen.discard(uuid)
        podman.settle(guest.container)
        if podman.exit_code(guest.container) == REBOOTED:
            LOG.info("%s rebooted itself", guest.name)
            guests.start(guest, ports.arm)
        else:
            self._ended(uuid)
