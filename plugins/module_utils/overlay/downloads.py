# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Downloads of a host: which it lacks, judged by a record of earlier runs and by digests, and how they get there."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any

Stamp = list[int]

PACKAGE_MAGIC = b"!<arch>\n"
RECORD = "/var/lib/ai-infn/downloads.json"
TIMEOUT = 30
"""Seconds without any data after which a download fails."""
DIGEST_REMEDY = (
    "If the mirror is right, record the digests anew: `make lock-upstream` for the upstream hosts, "
    "`make lab` for the lab."
)
MIRROR_REMEDY = (
    "Check that the mirror runs, that the option `artifact_mirror` names it, and that it holds what the lock names."
)


class DownloadError(Exception):
    """A download failed; the message says which, why, and the remedy."""


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


def declared(options: dict[str, Any]) -> Download:
    """Return a download from the options that declare it."""
    return Download(**{**options, "mode": int(options["mode"], 8), "members": tuple(options["members"])})


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


def unpack(archive: str, item: Download, drafts: dict[str, str]) -> None:
    """Unpack the wanted files of a tar archive or Debian package beside their places, reading no further than the last.

    Adds {place: draft} to ``drafts``. Raises ValueError for a member that the archive has not got.
    """
    members = tuple(member.removeprefix("./") for member in item.members)
    lacking, names = {os.path.join(item.dest, member) for member in members}, []
    with opened(archive) as bundle:
        for entry in bundle:
            names.append(entry.name)
            path = place(entry.name, members, item.strip) if entry.isfile() else None
            if path:
                target = os.path.join(item.dest, path)
                drafts[target] = f"{target}.new"
                write(bundle.extractfile(entry), drafts[target], entry.mode & 0o7777)
                lacking.discard(target)
                if members and not lacking:
                    return
    if lacking:
        listed = ", ".join(sorted(names))
        raise ValueError(f"the archive lacks what would be {', '.join(sorted(lacking))}; it has: {listed}")


def opened(archive: str) -> tarfile.TarFile:
    """Open a tar archive, or the one of files that a Debian package holds (deb(5)). Raises ValueError without one."""
    with open(archive, "rb") as stream:
        if stream.read(len(PACKAGE_MAGIC)) != PACKAGE_MAGIC:
            return tarfile.open(archive)
        while header := stream.read(60):
            name, size = header[:16].decode(), int(header[48:58])
            if name.startswith("data.tar"):
                return tarfile.open(fileobj=io.BytesIO(stream.read(size)))
            stream.seek(size + size % 2, os.SEEK_CUR)
    raise ValueError("the package holds no files")


def write(source: IO[bytes], path: str, mode: int) -> None:
    """Write a file from a stream."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    with open(path, "wb") as stream:
        shutil.copyfileobj(source, stream, 1 << 20)
    os.chmod(path, mode)


def read_record() -> dict[str, Any]:
    """Return the record of earlier runs; empty where there is none or it is damaged."""
    try:
        with open(RECORD, encoding="utf-8") as stream:
            return json.load(stream)
    except (FileNotFoundError, ValueError):
        return {}


def write_record(record: dict[str, Any]) -> None:
    """Write the record by one replacement."""
    os.makedirs(os.path.dirname(RECORD), exist_ok=True)
    with open(RECORD + ".new", "w", encoding="utf-8") as stream:
        json.dump(record, stream, indent=1, sort_keys=True)
    os.replace(RECORD + ".new", RECORD)


def bring(options: list[dict[str, Any]], check_mode: bool) -> list[str]:
    """Have the declared downloads; return the paths of those that were missing or altered. Raises DownloadError."""
    wanted = [declared(item) for item in options]
    if not wanted:
        return []
    known = read_record()
    record = dict(known)
    missing = lacking(wanted, record, fix=not check_mode)
    if not check_mode:
        try:
            fetch(missing, record)
        finally:
            if record != known:
                write_record(record)
    return [item.dest for item in missing]


def lacking(items: list[Download], record: dict[str, Any], fix: bool) -> list[Download]:
    """Return the items that are not in place.

    What is in place though no run of ours recorded it gets its mode, if ``fix``, and is added to the record.
    """
    return [item for item in items if not _is_right(item, record, fix)]


def _is_right(item: Download, record: dict[str, Any], fix: bool) -> bool:
    entry = record.get(key(item), {})
    if is_current(item, record, {path: stamp(path) for path in entry.get("files", {})}):
        return True
    if item.extract or not os.path.isfile(item.dest) or digest(item.dest) != item.checksum:
        return False
    if fix:
        os.chmod(item.dest, item.mode)
    record[key(item)] = {"checksum": item.checksum, "files": {item.dest: stamp(item.dest)}}
    return True


def fetch(items: list[Download], record: dict[str, Any]) -> None:
    """Download and unpack all items at the same time, verify all, and only then put them in place and into the record.

    Raises DownloadError.
    """
    drafts: list[dict[str, str]] = [{} for dummy in items]
    try:
        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(_draft, items, drafts))
        for item, files in zip(items, drafts, strict=True):
            for path, draft in files.items():
                os.replace(draft, path)
            record[key(item)] = {"checksum": item.checksum, "files": {path: stamp(path) for path in files}}
    except OSError as error:
        raise DownloadError(f"{error}. Nothing is recorded of what was not put in place") from error
    finally:
        for draft in (draft for files in drafts for draft in files.values()):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(draft)


def _draft(item: Download, drafts: dict[str, str]) -> None:
    # {place: verified file beside it} of one item goes into ``drafts``, also when it ends in an error.
    folder = item.dest if item.extract else os.path.dirname(item.dest)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=folder, prefix=".download-")
    os.close(descriptor)
    if not item.extract:
        drafts[item.dest] = draft
        _download(item, draft)
        os.chmod(draft, item.mode)
        return
    try:
        _download(item, draft)
        unpack(draft, item, drafts)
    except (OSError, ValueError, tarfile.TarError) as error:
        raise DownloadError(f"{item.url}: {error}") from error
    finally:
        os.unlink(draft)


def _download(item: Download, draft: str) -> None:
    # Not by Ansible's open_url, whose import alone would take as long as all else that starts the module.
    opener = urllib.request.build_opener()
    opener.addheaders = [("User-Agent", "ai_infn.platform")]
    try:
        with opener.open(item.url, timeout=TIMEOUT) as source, open(draft, "wb") as stream:
            found = copy(source, stream)
    except (OSError, ValueError) as error:
        raise DownloadError(f"{item.url}: {error}. {MIRROR_REMEDY}") from error
    if found != item.checksum:
        raise DownloadError(
            f"{item.url} is {found}, recorded is {item.checksum}. Nothing was put in place. {DIGEST_REMEDY}"
        )
