"""Settings of the whole machine that the lab changes: noted before the first change, put back by ``down``.

Some are raised by us (many systemd guests need many inotify instances); others are written by the kubelets in the
guests, because ``kernel`` and ``vm`` settings have no namespace.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lab import settings

RAISED = {
    "fs.inotify.max_user_instances": 8192,
    "fs.inotify.max_user_watches": 1048576,
    "kernel.keys.maxkeys": 20000,
    "kernel.keys.maxbytes": 2000000,
    "kernel.pid_max": 131072,
}
"""Least values that the guests need; a machine that has more keeps it."""
WRITTEN_BY_GUESTS = (
    "kernel.panic",
    "kernel.panic_on_oops",
    "kernel.keys.root_maxkeys",
    "kernel.keys.root_maxbytes",
    "kernel.core_pattern",
    "kernel.printk",
    "kernel.sysrq",
    "vm.overcommit_memory",
    "vm.panic_on_oom",
    "vm.max_map_count",
    "vm.swappiness",
    "fs.file-max",
    "fs.nr_open",
    "fs.aio-max-nr",
    "fs.protected_fifos",
    "fs.protected_hardlinks",
    "fs.protected_regular",
    "fs.protected_symlinks",
    "net.ipv4.ip_forward",
)
NOTE = settings.STATE / "sysctls.json"
ROOT = Path("/proc/sys")


def to_raise(current: Mapping[str, str], wanted: Mapping[str, int]) -> dict[str, str]:
    """The settings of ``wanted`` that are below their least value now; unknown ones are left alone."""
    return {name: str(least) for name, least in wanted.items() if name in current and int(current[name]) < least}


def to_restore(noted: Mapping[str, str], current: Mapping[str, str]) -> dict[str, str]:
    """The settings whose value is no longer the noted one."""
    return {name: value for name, value in noted.items() if name in current and current[name] != value}


def read(names: list[str], root: Path = ROOT) -> dict[str, str]:
    """Present values of those of ``names`` that this kernel has."""
    paths = {name: root / name.replace(".", "/") for name in names}
    return {name: path.read_text(encoding="utf-8").strip() for name, path in paths.items() if path.exists()}


def note_and_raise() -> None:
    """Note the machine's values, once, and raise those that are too low."""
    current = read([*RAISED, *WRITTEN_BY_GUESTS])
    if not NOTE.exists():
        NOTE.parent.mkdir(parents=True, exist_ok=True)
        NOTE.write_text(json.dumps(current, indent=1), encoding="utf-8")
    _write(to_raise(current, RAISED))


def put_back() -> None:
    """Restore the noted values; without a note nothing was changed."""
    if NOTE.exists():
        noted = json.loads(NOTE.read_text(encoding="utf-8"))
        _write(to_restore(noted, read(list(noted))))


def _write(values: Mapping[str, str]) -> None:
    for name, value in values.items():
        (ROOT / name.replace(".", "/")).write_text(value, encoding="utf-8")
