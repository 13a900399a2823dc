"""What the check is told, and how it runs programs."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class CheckError(Exception):
    """Something is not as a backup that can be restored would have it; the text says what."""


@dataclass(frozen=True)
class Settings:
    """Settings of the check.

    ``version`` is the server's major version, whose programs are in ``programs``. ``folder`` keeps the report, and for
    the length of a check the scratch server. ``timeout`` is how many seconds that may take to replay the log.
    """

    stanza: str
    user: str
    version: int
    programs: str
    folder: str
    timeout: int

    @property
    def scratch(self) -> Path:
        """Where the scratch server is."""
        return Path(self.folder) / "scratch"

    @property
    def result(self) -> Path:
        """The report of the last check."""
        return Path(self.folder) / "result.json"

    def program(self, name: str) -> str:
        """Return the path of one of the server's programs."""
        return f"{self.programs}/{name}"

    def pgbackrest(self, *words: str) -> list[str]:
        """Return the command that asks the repository."""
        return ["pgbackrest", f"--stanza={self.stanza}", *words]


def load(path: str) -> Settings:
    """Read the settings. Raises ValueError that names what is missing or unknown."""
    try:
        return Settings(**json.loads(Path(path).read_text(encoding="utf-8")))
    except TypeError as error:
        raise ValueError(f"{path}: {error}") from error


def become(user: str) -> None:
    """Be a user from now on, if this is root: a server does not run as root, and the repository is the user's."""
    if os.geteuid() != 0:
        return
    owner = pwd.getpwnam(user)
    os.initgroups(user, owner.pw_gid)
    os.setgid(owner.pw_gid)
    os.setuid(owner.pw_uid)


def run(command: Sequence[str], **variables: str) -> str:
    """Run a program with further variables of its environment; what it printed. Raises CheckError for a failure."""
    environment: Mapping[str, str] = {**os.environ, "LC_ALL": "C.UTF-8", **variables}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, errors="replace", check=False, cwd="/"
    )
    if done.returncode:
        said = (done.stdout + done.stderr).split("\n")
        words = " ".join(line.strip() for line in said if " INFO: " not in line).strip()
        raise CheckError(f"{Path(command[0]).name} ended with {done.returncode}: {words[-600:]}")
    return done.stdout.strip()
