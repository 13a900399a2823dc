"""Mounts in namespaces of others. Sources: open_tree(2), move_mount(2), mount_setattr(2), setns(2)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

SYS_OPEN_TREE, SYS_MOVE_MOUNT, SYS_MOUNT_SETATTR = 428, 429, 442
"""The same on all architectures."""
AT_FDCWD, AT_EMPTY_PATH = -100, 0x1000
OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC = 0x1, os.O_CLOEXEC
MOVE_MOUNT_F_EMPTY_PATH = 0x4
MNT_DETACH = 0x2
CLONE_NEWNS = 0x20000

LIBC = ctypes.CDLL(None, use_errno=True)


class Attributes(ctypes.Structure):
    """struct mount_attr."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def namespaces(proc: Path = Path("/proc")) -> Iterator[tuple[int, str]]:
    """Yield a process of each mount namespace of the host, and its mountinfo."""
    seen: set[int] = set()
    for process in sorted(int(folder.name) for folder in proc.iterdir() if folder.name.isdigit()):
        try:
            inode = (proc / str(process) / "ns" / "mnt").stat().st_ino
            text = (proc / str(process) / "mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            continue  # it has ended
        if inode not in seen:
            seen.add(inode)
            yield process, text


def clone(folder: str, restrictions: int) -> int:
    """Return a descriptor of a mount of a folder that is not put anywhere yet."""
    flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC
    tree = _checked(LIBC.syscall(SYS_OPEN_TREE, AT_FDCWD, os.fsencode(folder), flags), folder)
    attributes = Attributes(attr_set=restrictions)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    result = LIBC.syscall(SYS_MOUNT_SETATTR, tree, b"", AT_EMPTY_PATH, ctypes.byref(attributes), size)
    _checked(result, folder)
    return tree


def put(tree: int, process: int, place: str) -> None:
    """Put a mount in the place of what is mounted there, in the namespace of a process. Raises OSError."""
    child = os.fork()
    if not child:
        try:
            with Path(f"/proc/{process}/ns/mnt").open("rb") as namespace:
                _checked(LIBC.setns(namespace.fileno(), CLONE_NEWNS), place)
            _checked(LIBC.umount2(os.fsencode(place), MNT_DETACH), place)
            target = os.fsencode(place)
            _checked(LIBC.syscall(SYS_MOVE_MOUNT, tree, b"", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH), place)
        except OSError as problem:
            os._exit(problem.errno or 1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise OSError(abs(code), os.strerror(abs(code)), place)
