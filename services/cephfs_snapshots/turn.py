"""One turn of a folder: today's snapshot, and an end to those that are too many.

Several hosts may take the same turn at the same time: what another one has made or removed is as good.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Protocol

DAILY = re.compile(r"daily-\d{4}-\d{2}-\d{2}")
"""Names of ours; whatever else is there is somebody's, and stays."""


class Folder(Protocol):
    """A folder of a CephFS; ``cephfs_snapshots.folder`` has it."""

    def snapshots(self) -> list[str]:
        """Return the names of its snapshots."""

    def make(self, name: str) -> None:
        """Make a snapshot, unless there is one of that name."""

    def remove(self, name: str) -> None:
        """Remove a snapshot, unless there is none of that name."""


def name_of(day: date) -> str:
    """Return the name of a day's snapshot."""
    return f"daily-{day.isoformat()}"


def superfluous(names: Iterable[str], keep: int) -> list[str]:
    """Return those of our snapshots that go, the oldest first.

    They are counted and not dated: with a clock that runs years ahead one snapshot goes, and not all of them.
    """
    ours = sorted(name for name in names if DAILY.fullmatch(name))
    return ours[: max(0, len(ours) - keep)]


def turn(folder: Folder, keep: int, today: date) -> list[str]:
    """Take a turn; what was done, a line each. The new one is made before an old one goes."""
    done = []
    if name_of(today) not in folder.snapshots():
        folder.make(name_of(today))
        done.append(f"made {name_of(today)}")
    for name in superfluous(folder.snapshots(), keep):
        folder.remove(name)
        done.append(f"removed {name}")
    return done
