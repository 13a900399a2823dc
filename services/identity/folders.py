"""Homes and group folders of a CephFS through libcephfs, without a mount on the host."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

HOMES, GROUPS = "/homes", "/groups"
ARCHIVE = f"{HOMES}/archive"
"""Homes of accounts that have left; nobody but root reads it."""
ROOTS = {"accounts": HOMES, "groups": GROUPS}
QUOTA, USED = "ceph.quota.max_bytes", "ceph.dir.rbytes"
HOME_MODE, GROUP_MODE = 0o700, 0o2770


class FoldersError(Exception):
    """The filesystem refused, or is not to be reached; the message says which."""


class Folders:
    """What an agent does to folders, again and again. ``handle`` is a ``LibCephFS`` of the module ``cephfs``."""

    def __init__(self, handle: Any, cephfs: ModuleType, alive: Callable[[], None]) -> None:
        self._handle = handle
        self._cephfs = cephfs
        self._alive = alive

    def have_home(self, number: int, quota: int) -> None:
        """Have an account's home, that of the archive where there is one. It is its owner's once it has its quota."""
        path = f"{HOMES}/{number}"
        self._move(f"{ARCHIVE}/{number}", path)
        self._have(path, HOME_MODE, number, number, quota)

    def have_group(self, number: int, quota: int) -> None:
        """Have a group's folder, whose new files are the group's."""
        self._have(f"{GROUPS}/{number}", GROUP_MODE, 0, number, quota)

    def archive_home(self, number: int) -> None:
        """Move a home to where nobody reads it."""
        self._have_at_all(ARCHIVE)
        self._move(f"{HOMES}/{number}", f"{ARCHIVE}/{number}")

    def remove_archived(self, number: int) -> None:
        """Remove a home that is in the archive, with all that is in it."""
        self._remove(f"{ARCHIVE}/{number}".encode())

    def used(self, kind: str, number: int) -> int:
        """Bytes in a home or group folder, with all that is below it; 0 where there is none."""
        try:
            return int(self._handle.getxattr(f"{ROOTS[kind]}/{number}", USED))
        except (self._cephfs.ObjectNotFound, self._cephfs.NoData):
            return 0

    def _have(self, path: str, mode: int, uid: int, gid: int, quota: int) -> None:
        found = self._have_at_all(path)
        self._handle.setxattr(path, QUOTA, str(quota).encode(), 0)
        if (found.st_uid, found.st_gid) != (uid, gid):  # who owns it may give it another mode
            self._handle.chown(path, uid, gid)
            self._handle.chmod(path, mode)

    # What is sure to fail is not tried: after a failed mkdir or rename libcephfs 16.2 looks the path up for ever.
    def _look(self, path: str) -> Any:
        """The status of what is at a path, None where nothing is."""
        try:
            return self._handle.stat(path)
        except self._cephfs.ObjectNotFound:
            return None

    def _have_at_all(self, path: str) -> Any:
        """The status of a folder, which is root's alone where it is new."""
        if not self._look(path):
            self._handle.mkdir(path, 0o700)
        return self._handle.stat(path)

    def _move(self, old: str, new: str) -> None:
        if self._look(old):
            self._handle.rename(old, new)

    def _remove(self, path: bytes) -> None:
        """Remove a folder with all that is in it; another host may do the same at the same time."""
        self._alive()
        try:
            with self._handle.opendir(path) as opened:
                entries = list(self._entries(opened))
        except self._cephfs.ObjectNotFound:
            return
        for name in entries:
            child = path + b"/" + name
            with contextlib.suppress(self._cephfs.ObjectNotFound):
                if stat.S_ISDIR(self._handle.lstat(child).st_mode):
                    self._remove(child)
                else:
                    self._handle.unlink(child)
        with contextlib.suppress(self._cephfs.ObjectNotFound):
            self._handle.rmdir(path)

    def _entries(self, opened: Any) -> Iterator[bytes]:
        while entry := self._handle.readdir(opened):
            if entry.d_name not in {b".", b".."}:
                yield entry.d_name


@contextlib.contextmanager
def mounted(filesystem: str, user: str, keyring: str, alive: Callable[[], None] = lambda: None) -> Iterator[Folders]:
    """Mount a filesystem as a user whose key is in a file, for a while. Raises FoldersError.

    ``alive`` is called while something that may take long goes on.
    """
    import cephfs  # of the distribution, and on hosts of the cluster only

    handle = cephfs.LibCephFS(auth_id=user, conffile="")
    try:
        handle.conf_read_file("/etc/ceph/ceph.conf")
        handle.conf_set("keyring", keyring)
        handle.mount(filesystem_name=filesystem.encode())
        yield Folders(handle, cephfs, alive)
    except cephfs.Error as problem:
        raise FoldersError(f"{filesystem}: {problem}") from problem
    finally:
        handle.shutdown()
