"""Programs that the agent runs, each with a time limit."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from typing import Any


class ServerError(Exception):
    """Something about the server did not go as wanted; the text says what."""


def run(command: Sequence[str], timeout: float | None = 10.0, user: str | None = None, check: bool = True) -> str:
    """Run a program and return what it printed. Raises ServerError for a failure, or no end in time (seconds)."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=timeout, check=False, cwd="/",
            **identity(user),
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        raise ServerError(f"{command[0]} did not end within {timeout} s") from late
    if done.returncode and check:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ServerError(f"{command[0]} ended with {done.returncode}: {' '.join(said[-3:])}")
    return str(done.stdout).strip()


def identity(user: str | None) -> dict[str, Any]:
    """Who a program shall be, with all groups of that user: one of them may read the host's key."""
    if not user:
        return {}
    group = pwd.getpwnam(user).pw_gid
    return {"user": user, "group": group, "extra_groups": os.getgrouplist(user, group)}
