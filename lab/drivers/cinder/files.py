"""Volumes as sparse files, one each, in ``STATE/volumes``. Every step may be repeated."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from lab import settings

FOLDER = settings.STATE / "volumes"
GIB = 1024**3


def path_of(volume: str, folder: Path = FOLDER) -> Path:
    """The file of a volume."""
    return folder / f"volume-{volume}"


def create(file: Path, gigabytes: int) -> None:
    """Make an empty volume; it takes space only where it is written."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with file.open("ab") as opened:
        file.chmod(0o600)
        os.truncate(opened.fileno(), gigabytes * GIB)


def extend(file: Path, gigabytes: int) -> None:
    """Let a volume grow; it never shrinks."""
    if file.stat().st_size < gigabytes * GIB:
        os.truncate(file, gigabytes * GIB)


def copy(source: Path, target: Path, gigabytes: int) -> None:
    """Copy a volume, holes stay holes."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(source), str(target)], check=True)
    extend(target, gigabytes)


def delete(file: Path) -> None:
    """Remove a volume; one that is gone is no error."""
    file.unlink(missing_ok=True)
