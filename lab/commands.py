"""Runs programs of the machine and tells what went wrong in their own words."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class CommandError(RuntimeError):
    """A program ended with an error; the message holds its last lines."""


def run(
    command: Sequence[str | Path],
    *,
    stdin: str | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 600,
    check: bool = True,
    log: Path | None = None,
) -> str:
    """Run ``command`` and return its standard output.

    ``environment`` replaces the whole environment. With ``log`` both streams are appended to that file and the result
    is empty. Raises CommandError when the exit status is not 0 and ``check`` is set, or after ``timeout`` seconds.
    """
    arguments = [str(part) for part in command]
    try:
        with log.open("a", encoding="utf-8") if log else contextlib.nullcontext(subprocess.PIPE) as output:
            done = subprocess.run(
                arguments,
                input=stdin or "",
                stdout=output,
                stderr=output,
                env=environment,
                timeout=timeout,
                check=False,
                text=True,
                errors="replace",
            )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{' '.join(arguments[:4])} … did not end within {timeout:.0f} s") from error
    except FileNotFoundError as error:
        raise CommandError(f"{arguments[0]} is not installed") from error
    if check and done.returncode:
        said = (done.stderr or done.stdout or "").strip() or (f"see {log}" if log else "it said nothing")
        tail = "\n".join(said.splitlines()[-15:])
        raise CommandError(f"{' '.join(arguments[:6])} ended with status {done.returncode}: {tail}")
    return done.stdout or ""


def succeeds(command: Sequence[str | Path], timeout: float = 60) -> bool:
    """Whether ``command`` ends with status 0."""
    try:
        run(command, timeout=timeout)
    except CommandError:
        return False
    return True
