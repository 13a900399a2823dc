"""Which mounts of a namespace are of a filesystem that has died. Pure: no I/O. Source: proc_pid_mountinfo(5)."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

RESTRICTIONS = {"ro": 0x1, "nosuid": 0x2, "nodev": 0x4, "noexec": 0x8}
"""MOUNT_ATTR_* of mount_setattr(2), by the options that mountinfo shows."""


@dataclass(frozen=True)
class Mount:
    """A mount: its device, the folder of the filesystem that it shows, where, and MOUNT_ATTR_* that hold there."""

    device: str
    folder: str
    place: str
    restrictions: int


def _plain(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), text)


def mounts(text: str) -> Iterator[Mount]:
    """Yield the mounts of a mountinfo file, in its order."""
    for line in text.splitlines():
        device, folder, place, options = line.split(" ")[2:6]
        restrictions = sum(RESTRICTIONS.get(option, 0) for option in options.split(","))
        yield Mount(device, _plain(folder), _plain(place), restrictions)


def of_devices(text: str, devices: Container[str]) -> list[Mount]:
    """Return the mounts of these devices; of several at one place the last one counts, as it hides the others."""
    return [mount for mount in {mount.place: mount for mount in mounts(text)}.values() if mount.device in devices]


def at(text: str, place: str) -> Mount:
    """Return what is mounted at a place. Raises LookupError where nothing is."""
    found = [mount for mount in mounts(text) if mount.place == place]
    if not found:
        raise LookupError(f"nothing is mounted at {place}")
    return found[-1]
