"""Boots guests again that rebooted themselves, as a hypervisor does: podman only sees their first process end."""

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


def watch(owner: str, lock: Lock) -> None:
    """Look after the guests of one compute service for ever."""
    pause = threading.Event()
    while not pause.wait(INTERVAL):
        for guest in guests.known(owner):
            if not guests.is_running(guest) and (guest.folder / "process").exists():
                try:
                    with lock(guest.uuid):
                        settle(guest.uuid)
                except Exception:
                    LOG.exception("could not look after %s", guest.name)


def settle(uuid: str) -> None:
    """Boot a guest that ended by its own reboot; one that ended otherwise stays down, and is not looked at again."""
    guest = guests.load(uuid)
    if guest is None or guests.is_running(guest):
        return
    podman.settle(guest.container)
    if podman.exit_code(guest.container) == REBOOTED:
        LOG.info("%s rebooted itself", guest.name)
        guests.start(guest, ports.arm)
    else:
        (guest.folder / "process").unlink(missing_ok=True)
