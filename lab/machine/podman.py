"""Thin client of the podman command, with the lab's own settings."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab import settings
from lab.machine import processes

CONFIGURATION = Path(__file__).with_name("containers.conf")
OWN_LABEL = f"{settings.LABEL}=1"
EXITS = Path("/run/libpod/exits")
"""Where podman's monitors note how containers ended."""


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


def freeze(names: Sequence[str]) -> None:
    """Stop the clock of containers that run."""
    if names:
        podman("pause", *names)


def thaw() -> None:
    """Have every container of the lab that is frozen go on."""
    names = [found["Names"][0] for found in containers() if found["State"] == "paused"]
    if names:
        podman("unpause", *names)


def exists(name: str) -> bool:
    """Tell whether a container of this name exists."""
    return bool(_inspect(name))


def process_id(name: str) -> int | None:
    """The process id of the container's first process, None when it does not run."""
    found = _inspect(name)
    return int(found[1]) or None if found else None


def exit_code(name: str) -> int | None:
    """How the container's first process ended, None while it has not."""
    found = _inspect(name)
    return int(found[2]) if found and found[0] == "exited" else None


def settle(name: str) -> bool:
    """Bring a container that shall not run into a state from which podman starts it; False when there is none.

    podman learns of an end only from its monitor (conmon). When both were killed it takes the container for running
    for ever, so the monitor's last word, the exit file, is written in its place.
    """
    found = _inspect(name)
    if not found:
        return False
    status, process, _, identifier = found
    if status in ("created", "configured", "exited"):
        return True
    processes.kill(int(process))
    exits = EXITS / identifier
    if not processes.wait_for(exits.exists, seconds=0.5):
        exits.parent.mkdir(parents=True, exist_ok=True)
        exits.write_text("137", encoding="utf-8")
    podman("container", "cleanup", name, check=False)
    return True


def remove(name: str) -> None:
    """Remove a container with its root filesystem, in whatever state it is; none there is no error."""
    try:
        podman("rm", "--force", "--time=0", "--ignore", "--volumes", name)
    except PodmanError:
        if settle(name):
            podman("rm", "--force", "--time=0", "--ignore", "--volumes", name)


def _inspect(name: str) -> list[str]:
    form = "{{.State.Status}} {{.State.Pid}} {{.State.ExitCode}} {{.Id}}"
    return podman("inspect", "--type=container", f"--format={form}", name, check=False).split()


def run_in_namespace(process: int, kinds: str, command: Sequence[str], stdin: str | None = None) -> str:
    """Run a command in namespaces (``net``, ``mount`` or ``net,mount``) of a process."""
    done = subprocess.run(
        ["nsenter", f"--target={process}", *(f"--{kind}" for kind in kinds.split(",")), "--", *command],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-2000:]}")
    return done.stdout
