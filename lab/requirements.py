"""What the machine must be before the lab changes anything on it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import settings

GIB = 1024**3
LAB_DISK_GIB = 15
CACHE_DISK_GIB = 12
MEMORY_GIB = 10
PROCESSORS = 2
SYSTEM = ("debian", "12")


@dataclass(frozen=True)
class Machine:
    """What was found. Disk figures are bytes free for the lab's state and for the cache, and what both hold already."""

    user: int
    system: tuple[str, str]
    processors: int
    memory: int
    state_free: int
    cache_free: int
    state_used: int
    cache_used: int
    same_disk: bool


def problems(machine: Machine) -> list[str]:
    """Everything that keeps this machine from becoming the lab: found, needed, remedy. Empty when nothing does."""
    found = []
    if machine.user:
        found.append(f"user id is {machine.user}, 0 is needed: the lab makes network namespaces; run it as root")
    if machine.system != SYSTEM:
        found.append(
            f"the system is {' '.join(machine.system)}, {' '.join(SYSTEM)} is needed: no other was tested; "
            "take a Debian 12 machine, a virtual one will do"
        )
    if machine.processors < PROCESSORS:
        found.append(f"{machine.processors} processor, {PROCESSORS} are needed: give the machine more")
    if machine.memory < MEMORY_GIB * GIB:
        found.append(
            f"{machine.memory / GIB:.1f} GiB of memory, {MEMORY_GIB} GiB are needed for the cloud and its guests: "
            "give the machine more, or end other programs"
        )
    return found + _disk_problems(machine)


def _disk_problems(machine: Machine) -> list[str]:
    lab = max(0, LAB_DISK_GIB * GIB - machine.state_used)
    cache = max(0, CACHE_DISK_GIB * GIB - machine.cache_used)
    if machine.same_disk:
        wanted = [(f"{settings.STATE} and {settings.CACHE}", lab + cache, machine.state_free)]
    else:
        wanted = [(str(settings.STATE), lab, machine.state_free), (str(settings.CACHE), cache, machine.cache_free)]
    return [
        f"{free / GIB:.1f} GiB free on the disk of {where}, {needed / GIB:.1f} GiB are needed: "
        "free some, or move the cache with XDG_CACHE_HOME"
        for where, needed, free in wanted
        if free < needed
    ]


def inspect() -> Machine:
    """Look at this machine. The memory is what is available, plus what a raised lab uses."""
    state, cache = _existing(settings.STATE), _existing(settings.CACHE)
    state_free, cache_free = _free(state), _free(cache)
    tight = state_free < (LAB_DISK_GIB + CACHE_DISK_GIB) * GIB or cache_free < CACHE_DISK_GIB * GIB
    raised = (settings.RUN / "supervisord.pid").exists()
    return Machine(
        user=os.geteuid(),
        system=_system(),
        processors=os.cpu_count() or 1,
        memory=_memory("MemTotal" if raised else "MemAvailable"),
        state_free=state_free,
        cache_free=cache_free,
        state_used=_used(settings.STATE) if tight else 0,
        cache_used=_used(settings.CACHE) if tight else 0,
        same_disk=state.stat().st_dev == cache.stat().st_dev,
    )


def system_of(text: str) -> tuple[str, str]:
    """(id, version) from the text of /etc/os-release."""
    fields = dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)
    return fields.get("ID", "unknown").strip('"'), fields.get("VERSION_ID", "").strip('"')


def _system() -> tuple[str, str]:
    release = Path("/etc/os-release")
    return system_of(release.read_text(encoding="utf-8") if release.exists() else "")


def _memory(field: str) -> int:
    lines: Sequence[str] = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _free(path: Path) -> int:
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def _used(path: Path) -> int:
    """Bytes on disk below ``path``; volumes and databases are sparse, so blocks are counted."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512  # noqa: PTH118 - thousands of files
            except OSError:
                continue
    return total
