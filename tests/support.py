"""What every tier of tests uses."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def checked(command: Sequence[str | Path], cwd: Path = ROOT, **more: object) -> str:
    """Run a command and return its standard output; a failing command fails the test with all it said."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, **more)  # type: ignore[call-overload]
    assert done.returncode == 0, (
        f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-8000:]}\n{done.stderr[-4000:]}"
    )
    return str(done.stdout)


def eventually(predicate: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait for a predicate; return the seconds it took."""
    started = time.monotonic()
    while not predicate():
        assert time.monotonic() - started < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.1)
    return time.monotonic() - started
