# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Folders of a CephFS with their owner, quota and place in the pool, through libcephfs and without a mount."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

NAMESPACE = "ceph.dir.layout.pool_namespace"
BYTES, FILES = "ceph.quota.max_bytes", "ceph.quota.max_files"


class FolderError(Exception):
    """The filesystem refused, or is not to be reached; the message says which."""


@dataclass(frozen=True)
class Folder:
    """A folder. ``namespace`` is that of the objects of its files; quotas of 0 are none."""

    path: str
    mode: int
    uid: int = 0
    gid: int = 0
    namespace: str = ""
    max_bytes: int = 0
    max_files: int = 0


@dataclass(frozen=True)
class Step:
    """One change of a folder: ``verb`` is ``make``, ``mode``, ``owner`` or the name of an attribute."""

    path: str
    verb: str
    value: Any


def plan(found: Folder | None, wanted: Folder) -> list[Step]:
    """Return the changes of one folder. Raises ValueError where files would be in two namespaces."""
    path = wanted.path
    steps = [] if found else [Step(path, "make", wanted.mode)]
    found = found or Folder(path, -1, -1, -1)
    if found.namespace and found.namespace != wanted.namespace:
        raise ValueError(f"{path} keeps its files in the namespace {found.namespace}, which cannot be changed")
    if (found.uid, found.gid) != (wanted.uid, wanted.gid):
        steps.append(Step(path, "owner", (wanted.uid, wanted.gid)))
    if found.mode != wanted.mode:
        steps.append(Step(path, "mode", wanted.mode))
    for name, old, new in (
        (NAMESPACE, found.namespace, wanted.namespace),
        (BYTES, found.max_bytes, wanted.max_bytes),
        (FILES, found.max_files, wanted.max_files),
    ):
        if old != new:
            steps.append(Step(path, name, new))
    return steps


@contextlib.contextmanager
def mounted(filesystem: str) -> Iterator[Tree]:
    """Mount a filesystem as the cluster's administrator for a while; its ``Tree``. Raises FolderError."""
    try:
        import cephfs
    except ImportError:
        raise FolderError("the host has no python3-cephfs, which the role ceph installs") from None
    handle = cephfs.LibCephFS(conffile="")
    try:
        handle.conf_read_file("/etc/ceph/ceph.conf")
        handle.mount(filesystem_name=filesystem.encode())
        yield Tree(handle, cephfs)
    except cephfs.Error as error:
        raise FolderError(f"{filesystem}: {error}") from error
    finally:
        handle.shutdown()


class Tree:
    """The folders of a mounted filesystem; ``handle`` is a ``LibCephFS`` of the module ``cephfs``."""

    def __init__(self, handle: Any, cephfs: Any) -> None:
        self._handle = handle
        self._nothing = cephfs.ObjectNotFound, cephfs.NoData

    def snapshots(self, path: str) -> list[str]:
        """Return the names of a folder's own snapshots; those of folders above it begin with ``_``."""
        names = []
        with self._handle.opendir(f"{path}/.snap") as found:
            entry = self._handle.readdir(found)
            while entry:
                names.append(entry.d_name.decode())
                entry = self._handle.readdir(found)
        return sorted(name for name in names if not name.startswith((".", "_")))

    def look(self, path: str) -> Folder | None:
        """Return what is at a path, None for nothing."""
        try:
            found = self._handle.stat(path)
        except self._nothing:
            return None
        return Folder(
            path,
            stat.S_IMODE(found.st_mode),
            found.st_uid,
            found.st_gid,
            self._attribute(path, NAMESPACE),
            int(self._attribute(path, BYTES) or 0),
            int(self._attribute(path, FILES) or 0),
        )

    def carry_out(self, step: Step) -> None:
        """Make one change."""
        if step.verb == "make":
            self._handle.mkdir(step.path, step.value)
        elif step.verb == "owner":
            self._handle.chown(step.path, *step.value)
        elif step.verb == "mode":
            self._handle.chmod(step.path, step.value)
        else:
            self._handle.setxattr(step.path, step.verb, str(step.value).encode(), 0)

    def _attribute(self, path: str, name: str) -> str:
        try:
            return str(self._handle.getxattr(path, name).decode())
        except self._nothing:
            return ""
