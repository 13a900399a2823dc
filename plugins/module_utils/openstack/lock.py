# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run at a time changes a site's project. A killed playbook may leave a module behind that still works."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional

from .client import wait_until


@contextmanager
def site_lock(known_hosts: str, seconds: float) -> Iterator[None]:
    """Hold the lock beside the site's known_hosts; it ends with the process that holds it.

    Raises CloudError when another run still holds it after ``seconds``.
    """
    path = os.path.join(os.path.dirname(known_hosts), ".cloud.lock")
    with open(path, "a", encoding="utf-8") as stream:

        def taken() -> Optional[bool]:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            return True

        wait_until(taken, seconds, lambda: f"another run is changing this site ({path})")
        yield
