"""What a pgBackRest repository has, and what speaks against a check of its last backup.

Source of the shapes: the JSON of ``pgbackrest info``, whose labels end in the kind of each backup.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from postgresql_backup_check.commands import Settings, run

MIB = 1 << 20
GROWTH, LOG = 1.1, 1 << 30
"""A backup restored needs this many times its size, since the log may add to it, and so many bytes for the log."""
NEAR = 1
"""The repository on this host."""
PROGRAMS = ("pg_ctl", "psql", "pg_amcheck", "pg_checksums", "pg_controldata")


@dataclass(frozen=True)
class Backup:
    """A backup: ``kind`` is full, diff or incr, ``stopped`` seconds since 1970, ``size`` bytes when restored.

    ``archived`` is the last segment of the log that its ``repository`` has of its database. ``damaged`` says that
    pages had wrong checksums when it was made.
    """

    label: str
    kind: str
    stopped: int
    size: int
    damaged: bool
    version: str
    system_identifier: str
    archived: str
    repository: int = 1


@dataclass(frozen=True)
class Repository:
    """The stanza: pgBackRest's verdict, whose ``code`` is 0 if all is well, and all its backups, the oldest first."""

    code: int
    message: str
    backups: tuple[Backup, ...]

    @property
    def near(self) -> tuple[Backup, ...]:
        """Those on this host: a check has no network."""
        return tuple(backup for backup in self.backups if backup.repository == NEAR)


def look(settings: Settings, *options: str) -> Repository:
    """Ask the repositories. Raises CheckError."""
    return parsed(run(settings.pgbackrest(*options, "--output=json", "--log-level-console=off", "info")))


def parsed(text: str) -> Repository:
    """Return what ``pgbackrest info`` has printed of one stanza."""
    found: list[dict[str, Any]] = json.loads(text)
    if not found:
        return Repository(1, "no such stanza", ())
    stanza = found[0]
    servers = {one["id"]: one for one in stanza.get("db", [])}
    archives = {place(one): one.get("max") or "" for one in stanza.get("archive", [])}
    backups = tuple(
        Backup(
            label=one["label"],
            kind=one["type"],
            stopped=int(one["timestamp"]["stop"]),
            size=int(one["info"]["size"]),
            damaged=bool(one.get("error")),
            version=str(servers[one["database"]["id"]]["version"]),
            system_identifier=str(servers[one["database"]["id"]]["system-id"]),
            archived=archives.get(place(one), ""),
            repository=place(one)[0],
        )
        for one in sorted(stanza.get("backup", []), key=lambda one: int(one["timestamp"]["stop"]))
    )
    return Repository(int(stanza["status"]["code"]), str(stanza["status"]["message"]), backups)


def place(one: dict[str, Any]) -> tuple[int, int]:
    """Return of what info says of a backup or an archive in which repository it is, and of which database."""
    return one["database"].get("repo-key", 1), one["database"]["id"]


def needed(backup: Backup) -> int:
    """Return how many bytes a check of a backup needs."""
    return int(backup.size * GROWTH) + LOG


def problems(settings: Settings, found: Repository, free: int, missing: Sequence[str]) -> list[str]:
    """Return what speaks against a check; ``free`` bytes are on its disk, ``missing`` programs are not there."""
    if not found.near:
        return [
            f"Backups of {settings.stanza}: found none ({found.message}), needed one. Remedy: run database.yml, which"
            " makes the first, or backup.yml."
        ]
    last, result = found.near[-1], []
    if last.version != str(settings.version):
        result.append(
            f"Backup {last.label}: found one of PostgreSQL {last.version}, needed one of {settings.version}, whose"
            " programs are there. Remedy: make a backup by backup.yml -e kind=full, or set postgresql_version."
        )
    if missing:
        result.append(
            f"Programs of PostgreSQL {settings.version}: {', '.join(missing)} not found in {settings.programs}. Needed:"
            " all of them. Remedy: run database.yml."
        )
    if free < needed(last):
        result.append(
            f"Room for backup {last.label}: found {free // MIB} MiB in {settings.folder}, needed"
            f" {needed(last) // MIB} MiB. Remedy: make room, or set postgresql_backup_check_dir to a folder on"
            " a larger disk."
        )
    return result


def free_bytes(scratch: Path) -> int:
    """Return how much room there is for a folder; what is in it counts, since a check begins by removing it."""
    there = next(one for one in (scratch, *scratch.parents) if one.exists())
    system = os.statvfs(there)
    held = 0
    for path in scratch.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a server that runs there removes files
            held += path.lstat().st_blocks * 512
    return system.f_bavail * system.f_frsize + held


def missing_programs(settings: Settings) -> list[str]:
    """Return which of the server's programs are not there."""
    return [name for name in PROGRAMS if not os.access(settings.program(name), os.X_OK)]
