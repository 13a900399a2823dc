"""Stops a primary whose agent is dead or hangs: the agent cannot do that itself."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from postgresql_failover import processes
from postgresql_failover.files import Kept
from postgresql_failover.settings import Settings

ANSWERED = Path("/run/postgresql-failover/answered")
"""When etcd has last answered the agent, on this host's monotonic clock in seconds."""
GRACE = 0.5
"""Seconds that the agent has to stop the primary itself."""
INTERVAL = 0.25

log = logging.getLogger(__name__)


def note(answered: float) -> None:
    """Say when etcd has last answered; a reader may find nothing for a moment, and then looks again."""
    ANSWERED.write_text(f"{answered!r}\n", encoding="ascii")


def noted(otherwise: float) -> float:
    """Return what was noted last, or another moment where nothing can be read."""
    try:
        return float(ANSWERED.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return otherwise


def is_primary(settings: Settings) -> bool:
    """Whether there is a process of a server that is no standby."""
    if not processes.of_server(settings.data) or (Path(settings.data) / "standby.signal").exists():
        return False
    return not Kept(settings.state).state().rejoining


def watch(settings: Settings) -> None:
    """Look for ever."""
    last = time.monotonic()
    while True:
        last = max(last, noted(last))
        silence = time.monotonic() - last
        if silence > settings.t1 + GRACE and is_primary(settings):
            log.warning(
                "the agent had no answer for %.1f s, allowed %.1f: the primary is stopped", silence, settings.t1
            )
            processes.kill(settings.data, deadline=5.0)
        time.sleep(INTERVAL)  # the guard's own beat, without an end
