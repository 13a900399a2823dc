"""The cache of the mirror: what was made once is found again by the hash of its recipe.

``made.json`` is written last and the folder is renamed into place, so an entry is whole or absent; an interrupted build
leaves only a folder ending in ``.partial``, which the next attempt removes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def recipe_key(recipe: object) -> str:
    """Hash of a recipe (anything JSON can hold): 16 hexadecimal digits."""
    text = json.dumps(recipe, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def sha256_of(path: Path) -> str:
    """Digest of a file as ``sha256:<64 hexadecimal digits>``."""
    with path.open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def source_files(folder: Path) -> list[Path]:
    """The regular files of ``folder``, sorted, without Python's caches and tests."""
    left_out = {"__pycache__", "tests"}
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not left_out & set(path.relative_to(folder).parts)
    ]


def is_executable(path: Path) -> bool:
    """Whether the owner may execute it."""
    return bool(path.stat().st_mode & 0o100)


def folder_digest(folder: Path) -> str:
    """Hash over names, modes and contents of the source files in ``folder``."""
    total = hashlib.sha256()
    for path in source_files(folder):
        total.update(f"{path.relative_to(folder)}\0{is_executable(path)}\0{sha256_of(path)}\n".encode())
    return "sha256:" + total.hexdigest()


def same_file(source: Path, target: Path) -> bool:
    """Whether ``target`` is a link to ``source`` or a copy made by link_or_copy."""
    if not target.exists():
        return False
    one, other = source.stat(), target.stat()
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def link_or_copy(source: Path, target: Path) -> None:
    """Lay ``source`` at ``target``: a hard link where the file system allows it, else a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    try:
        fresh.hardlink_to(source)
    except OSError:
        shutil.copy2(source, fresh)
    fresh.replace(target)
    fresh.unlink(missing_ok=True)  # rename(2) leaves it when both names are already the same file


class Store:
    """Folders ``<root>/<kind>/<name>-<key>`` with a ``made.json``, and blobs named by their digest."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def entry(self, kind: str, name: str, key: str) -> Path:
        """Where the entry is, or would be."""
        return self.root / kind / f"{name}-{key}"

    def blob(self, digest: str) -> Path:
        """Where the blob ``sha256:…`` is, or would be."""
        algorithm, _, value = digest.partition(":")
        return self.root / "blobs" / algorithm / value

    def add_blob(self, content: bytes) -> str:
        """Keep ``content`` and return its digest."""
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        target = self.blob(digest)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_name(f".{target.name}.{os.getpid()}")
            fresh.write_bytes(content)
            fresh.replace(target)
        return digest

    def add_blob_file(self, path: Path) -> str:
        """Keep the file (a link to it) as a blob and return its digest."""
        digest = sha256_of(path)
        if not self.blob(digest).exists():
            link_or_copy(path, self.blob(digest))
        return digest

    @staticmethod
    def made(entry: Path) -> dict[str, Any] | None:
        """What is recorded of a whole entry, or None if it has not been made."""
        record = entry / "made.json"
        if not record.exists():
            return None
        content: dict[str, Any] = json.loads(record.read_text())
        return content

    @contextmanager
    def making(self, entry: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Yield a folder to fill and a record to complete; both appear at ``entry`` only if the body succeeds."""
        partial = entry.with_name(entry.name + ".partial")
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir(parents=True)
        record: dict[str, Any] = {}
        yield partial, record
        (partial / "made.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
        if entry.exists():
            shutil.rmtree(entry)
        partial.rename(entry)
