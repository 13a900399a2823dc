"""How long each phase of raising the lab took, kept in one file that the summary shows."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lab.settings import STATE

PATH = STATE / "timings.json"
_lock = threading.Lock()


def recorded() -> dict[str, float]:
    """Return the seconds of each phase, in the order in which the phases ended."""
    if not PATH.is_file():
        return {}
    return dict(json.loads(PATH.read_text(encoding="utf-8")))


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Record how long the block took under ``name``, also when it fails."""
    started = time.monotonic()
    try:
        yield
    finally:
        with _lock:
            timings = recorded()
            timings.pop(name, None)
            timings[name] = round(time.monotonic() - started, 1)
            if STATE.is_dir():
                PATH.write_text(json.dumps(timings, indent=2) + "\n", encoding="utf-8")
