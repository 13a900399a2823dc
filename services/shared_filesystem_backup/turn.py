"""One backup: which snapshots, what restic is told, and what is kept of its answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Restic = Callable[..., str]
"""Runs restic with words and returns what it printed; raises BackupError."""

DAILY = re.compile(r"daily-\d{4}-\d{2}-\d{2}")
"""Names of the daily snapshots (cephfs_snapshots)."""
NO_REPOSITORY = ("Is there a repository at the following location", "config file does not exist")
"""What restic says where nothing is at a repository's address."""


class BackupError(Exception):
    """There is no backup; the text says why."""


@dataclass(frozen=True)
class Settings:
    """Settings of the backup.

    ``folders`` of the filesystem are backed up; ``keep`` is how many are kept by restic's words, ``{"daily": 7}``.
    """

    filesystem: str
    user: str
    folders: list[str]
    repository: str
    password_file: str
    environment_file: str
    keep: dict[str, int]
    host: str
    folder: str


def newest(names: Sequence[str], folder: str) -> str:
    """Return the name of the last daily snapshot. Raises BackupError where there is none."""
    daily = sorted(name for name in names if DAILY.fullmatch(name))
    if not daily:
        raise BackupError(f"{folder} has no daily snapshot. Remedy: see journalctl -u cephfs-snapshots on the monitors")
    return daily[-1]


def lacks_repository(said: str) -> bool:
    """Tell whether restic failed because nothing is at the address, and not because it cannot be reached or read."""
    return any(words in said for words in NO_REPOSITORY)


def begin(restic: Restic, address: str, begun: Path) -> None:
    """Have a repository; ``begun`` is the file that remembers the addresses where there was one.

    Raises BackupError where one cannot be read, or was there before: another one in its place would hide that all
    backups are away.
    """
    known = begun.read_text(encoding="utf-8").splitlines() if begun.exists() else []
    try:
        restic("cat", "config")
    except BackupError as problem:
        if not lacks_repository(str(problem)):
            raise
        if address in known:
            raise BackupError(
                f"{address} has no repository any more, and {begun} says that it had one. Remedy: bring it back (is its"
                " volume mounted?), or remove the line from that file to begin another one"
            ) from problem
        restic("init")
    if address not in known:
        begun.write_text("".join(f"{one}\n" for one in [*known, address]), encoding="utf-8")


def summary(printed: str) -> Json:
    """Return the last message of ``restic backup --json``. Raises BackupError where it is none."""
    for line in reversed(printed.splitlines()):
        message = json.loads(line)
        if message.get("message_type") == "summary":
            return dict(message)
    raise BackupError("restic did not say what it has backed up")


def back_up(restic: Restic, settings: Settings, places: Mapping[str, str]) -> Json:
    """Make a backup of the snapshots, and let go of old ones; the report.

    ``places`` are where the folders' snapshots are mounted, with the snapshots' names. Raises BackupError.
    """
    begin(restic, settings.repository, Path(settings.folder) / "repositories")
    words = ["backup", "--json", "--host", settings.host, "--one-file-system"]
    tags = [word for name in sorted(set(places.values())) for word in ("--tag", name)]
    done = summary(restic(*words, *tags, *places))
    keep = [f"--keep-{name}={number}" for name, number in sorted(settings.keep.items())]
    restic("forget", "--host", settings.host, "--group-by", "host,paths", "--prune", *keep)
    return {
        "snapshots": dict(places),
        "id": done["snapshot_id"],
        "files": done["total_files_processed"],
        "bytes": done["total_bytes_processed"],
        "added": done["data_added"],
    }
