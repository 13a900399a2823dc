"""Thin client of the podman command, with the lab's own settings."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab import settings

CONFIGURATION = Path(__file__).with_name("containers.conf")
OWN_LABEL = f"{settings.LABEL}=1"


class PodmanError(RuntimeError):
    """A podman command failed; the text is what it said."""


def podman(*arguments: str, check: bool = True, timeout: float = 300) -> str:
    """Run podman and return what it printed; with check=False a failure returns an empty text."""
    environment = os.environ | {"CONTAINERS_CONF": str(CONFIGURATION)}
    # conmon outlives the caller: without a session of its own it would die with the caller's process group.
    done = subprocess.run(
        ["podman", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        start_new_session=True,
    )
    if done.returncode == 0:
        return done.stdout
    if check:
        raise PodmanError(f"podman {' '.join(arguments[:3])}: {done.stderr.strip()[-2000:]}")
    return ""


def containers(*labels: str) -> list[dict[str, Any]]:
    """Every container of the lab that has all these labels, as podman describes it."""
    filters = [f"--filter=label={label}" for label in (OWN_LABEL, *labels)]
    found: list[dict[str, Any]] = json.loads(podman("ps", "--all", "--format=json", *filters) or "[]")
    return found


def exists(name: str) -> bool:
    """Tell whether a container of this name exists."""
    return any(name in container["Names"] for container in containers())


def process_id(name: str) -> int | None:
    """The process id of the container's first process, None when it does not run."""
    text = podman("inspect", "--type=container", "--format={{.State.Pid}}", name, check=False).strip()
    return int(text) or None if text else None


def run_in_namespace(process: int, kind: str, command: Sequence[str], stdin: str | None = None) -> str:
    """Run a command in one namespace (``net`` or ``mount``) of a process."""
    done = subprocess.run(
        ["nsenter", f"--target={process}", f"--{kind}", "--", *command],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-2000:]}")
    return done.stdout
