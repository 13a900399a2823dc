"""What the agent keeps on its host: what its server is set to, and the configuration that follows from it."""

from __future__ import annotations

import json
import os
import pwd
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from postgresql_failover.decision import Rule

CONFIGURATION = "failover.conf"
"""Read by the server's own configuration as its last include."""
STATE = "state.json"


@dataclass(frozen=True)
class State:
    """What the server is set to.

    ``term`` is that under which it was told to receive from ``upstream``, or for which a primary has its commits
    confirmed. ``rule`` is what its commits need, ``settled`` whether the earlier ones have that too. ``rejoining`` says
    that its data are being replaced: until that has ended they are no server's data.
    """

    upstream: str = ""
    term: int = 0
    cut_off: int = 0
    rejoining: bool = False
    rule: Rule | None = None
    settled: bool = False


class Kept:
    """The agent's folder. What a method has written is on disk when it returns."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def state(self) -> State:
        """Return what was written last."""
        try:
            found = json.loads((self._folder / STATE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return State()
        rule = found.pop("rule")
        return State(**found, rule=Rule(frozenset(rule["standbys"]), rule["confirmations"]) if rule else None)

    def write(self, **changes: Any) -> State:
        """Change some of the state, and return it."""
        state = replace(self.state(), **changes)
        rule = state.rule and {"standbys": sorted(state.rule.standbys), "confirmations": state.rule.confirmations}
        document = {**vars(state), "rule": rule}
        write(self._folder / STATE, json.dumps(document) + "\n")
        return state

    def configure(self, conninfo: str = "", restore: str = "") -> None:
        """Write the server's configuration; it reads that when it starts or is told to.

        ``restore`` is the command that fetches the log from an archive. Only who follows has it: a server that shall be
        promoted would wait for an archive that does not answer.
        """
        state = self.state()
        settings = {
            "primary_conninfo": conninfo,
            "synchronous_standby_names": names_of(state.rule, state.term),
            "restore_command": restore,
        }
        lines = ["{} = '{}'".format(name, value.replace("'", "''")) for name, value in settings.items()]
        write(self._folder / CONFIGURATION, "\n".join(["# Written by the failover agent.", *lines, ""]), 0o644)


def name_of(standby: str, term: int) -> str:
    """Return the ``application_name`` under which a standby confirms commits of a term.

    PostgreSQL takes any standby's word for how far it is, also of one whose log has branched off. So a standby has a
    term's name once it is known that its log is a part of the leader's, and no other name counts
    (https://www.postgresql.org/docs/17/runtime-config-replication.html#GUC-SYNCHRONOUS-STANDBY-NAMES).
    """
    return f"{standby}@{term}"


def names_of(rule: Rule | None, term: int) -> str:
    """Return a rule as the server's ``synchronous_standby_names``."""
    if rule is None or not rule.confirmations:
        return ""
    quoted = ", ".join(f'"{name_of(name, term)}"' for name in sorted(rule.standbys))
    return f"ANY {rule.confirmations} ({quoted})"


def write(path: Path, text: str, mode: int = 0o600, user: str = "") -> None:
    """Replace a file, for a user; after any interruption there is the old one or the new one."""
    draft = path.with_name(f"{path.name}.new")
    with draft.open("w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), mode)
        if user:
            owner = pwd.getpwnam(user)
            os.fchown(stream.fileno(), owner.pw_uid, owner.pw_gid)
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have a folder's entries on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def empty(folder: Path, user: str) -> None:
    """Have an empty folder that belongs to the user; the folder itself, which may be a mount point, stays."""
    folder.mkdir(mode=0o700, exist_ok=True, parents=True)
    for entry in folder.iterdir():
        if entry.name == "lost+found":
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    owner = pwd.getpwnam(user)
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    folder.chmod(0o700)
