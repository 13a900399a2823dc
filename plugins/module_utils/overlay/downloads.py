# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which downloads a host lacks, judged by a record of what earlier runs put there, and by digests."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tarfile
from dataclasses import dataclass
from typing import IO, Any

Stamp = list[int]


@dataclass(frozen=True)
class Download:
    """One file, or one archive to unpack into the folder ``dest``; ``checksum`` is "sha256:...".

    Of an archive only ``members`` are taken, all if there are none; leading "./" and ``strip`` folders are left off
    its names.
    """

    url: str
    checksum: str
    dest: str
    mode: int = 0o755
    extract: bool = False
    members: tuple[str, ...] = ()
    strip: int = 0


def stamp(path: str) -> Stamp | None:
    """Return what changes when a file is altered (size, modification, inode, mode); None where there is no file."""
    try:
        info = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return [info.st_size, info.st_mtime_ns, info.st_ino, info.st_mode & 0o7777]


def key(item: Download) -> str:
    """Return the name of a download in the record."""
    return f"{item.dest} {','.join(item.members)}".strip()


def is_current(item: Download, record: dict[str, Any], stamps: dict[str, Stamp | None]) -> bool:
    """Whether the record says that this very download was put there and its files are as they were then."""
    entry = record.get(key(item))
    if not entry or entry["checksum"] != item.checksum or not entry["files"]:
        return False
    return all(stamps.get(path) == known for path, known in entry["files"].items())


def digest(path: str) -> str:
    """Return "sha256:..." of a file."""
    with open(path, "rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def copy(source: IO[bytes], target: IO[bytes]) -> str:
    """Copy a stream and return "sha256:..." of what was copied."""
    found = hashlib.sha256()
    while chunk := source.read(1 << 20):
        found.update(chunk)
        target.write(chunk)
    return f"sha256:{found.hexdigest()}"


def place(name: str, members: tuple[str, ...], strip: int) -> str | None:
    """Return the path to unpack a file of an archive to, None for one that is not wanted.

    Raises ValueError for a path that leaves the folder.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")][strip:]
    if ".." in parts:
        raise ValueError(f"the archive's {name} would leave the folder")
    path = "/".join(parts)
    return path if path and (not members or path in members) else None


def unpack(archive: str, item: Download) -> list[str]:
    """Unpack the wanted files of a tar archive in one pass, and put them in place when all are there.

    Returns their paths. Raises ValueError for a member that the archive has not got.
    """
    members = tuple(member.removeprefix("./") for member in item.members)
    drafts: dict[str, str] = {}
    try:
        with tarfile.open(archive) as bundle:
            for entry in bundle:
                path = place(entry.name, members, item.strip) if entry.isfile() else None
                if path:
                    target = os.path.join(item.dest, path)
                    drafts[target] = f"{target}.new"
                    write(bundle.extractfile(entry), drafts[target], entry.mode & 0o7777)
            lacking = {os.path.join(item.dest, member) for member in members} - set(drafts)
            if lacking:
                names = ", ".join(sorted(entry.name for entry in bundle.getmembers()))
                raise ValueError(f"the archive lacks what would be {', '.join(sorted(lacking))}; it has: {names}")
        for target, draft in drafts.items():
            os.replace(draft, target)
    finally:
        for draft in drafts.values():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(draft)
    return list(drafts)


def write(source: IO[bytes], path: str, mode: int) -> None:
    """Write a file from a stream."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    with open(path, "wb") as stream:
        shutil.copyfileobj(source, stream, 1 << 20)
    os.chmod(path, mode)


def read_record(path: str) -> dict[str, Any]:
    """Return the record of earlier runs; empty where there is none or it is damaged."""
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
    except (FileNotFoundError, ValueError):
        return {}
