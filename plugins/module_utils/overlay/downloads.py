# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which downloads a host lacks, judged by a record of what earlier runs put there, and by digests."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from dataclasses import dataclass
from typing import Any

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


def chosen(names: list[str], members: tuple[str, ...], strip: int) -> dict[str, str]:
    """Return {name in the archive: path to unpack it to} of the files that are wanted.

    Raises ValueError for a member that the archive has not got, and for a path that leaves the folder.
    """
    paths = {}
    for name in names:
        parts = [part for part in name.split("/") if part not in ("", ".")][strip:]
        if not parts:
            continue
        if ".." in parts:
            raise ValueError(f"the archive's {name} would leave the folder")
        if not members or "/".join(parts) in [member.removeprefix("./") for member in members]:
            paths[name] = "/".join(parts)
    lacking = {member.removeprefix("./") for member in members} - set(paths.values())
    if lacking:
        raise ValueError(f"the archive has no {', '.join(sorted(lacking))}; it has: {', '.join(sorted(names))}")
    return paths


def unpack(archive: str, item: Download) -> list[str]:
    """Unpack the wanted files of a tar archive, each by one replacement; return their paths."""
    written = []
    with tarfile.open(archive) as bundle:
        files = {entry.name: entry for entry in bundle.getmembers() if entry.isfile()}
        for name, path in chosen(list(files), item.members, item.strip).items():
            target = os.path.join(item.dest, path)
            os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
            source = bundle.extractfile(files[name])
            with open(target + ".new", "wb") as stream:
                while chunk := source.read(1 << 20):
                    stream.write(chunk)
            os.chmod(target + ".new", files[name].mode & 0o7777)
            os.replace(target + ".new", target)
            written.append(target)
    return written


def read_record(path: str) -> dict[str, Any]:
    """Return the record of earlier runs; empty where there is none or it is damaged."""
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
    except (FileNotFoundError, ValueError):
        return {}
