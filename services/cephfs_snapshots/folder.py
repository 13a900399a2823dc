"""A folder of a CephFS through libcephfs, without a mount on the host."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any


class Snapshots:
    """The snapshots of a folder; ``handle`` is a ``LibCephFS`` of the module ``cephfs`` that has it for its root."""

    def __init__(self, handle: Any, cephfs: ModuleType) -> None:
        self._handle = handle
        self._cephfs = cephfs

    def snapshots(self) -> list[str]:
        """Return the names of the folder's own snapshots; those of folders above it begin with ``_``."""
        names = []
        with self._handle.opendir("/.snap") as found:
            while entry := self._handle.readdir(found):
                names.append(entry.d_name.decode())
        return [name for name in names if not name.startswith((".", "_"))]

    def make(self, name: str) -> None:
        """Make a snapshot, unless there is one of that name."""
        with contextlib.suppress(self._cephfs.ObjectExists):
            self._handle.mkdir(f"/.snap/{name}", 0o755)

    def remove(self, name: str) -> None:
        """Remove a snapshot, unless there is none of that name."""
        with contextlib.suppress(self._cephfs.ObjectNotFound):
            self._handle.rmdir(f"/.snap/{name}")


@contextlib.contextmanager
def mounted(filesystem: str, folder: str, user: str, keyring: str) -> Iterator[Snapshots]:
    """Mount a folder as a user, whose key is in a file and confined to it, for a while. Raises ``cephfs.Error``."""
    import cephfs  # of the distribution, and on hosts of the cluster only

    handle = cephfs.LibCephFS(auth_id=user, conffile="")
    try:
        handle.conf_read_file("/etc/ceph/ceph.conf")
        handle.conf_set("keyring", keyring)
        handle.mount(mount_root=folder.encode(), filesystem_name=filesystem.encode())
        yield Snapshots(handle, cephfs)
    finally:
        handle.shutdown()
