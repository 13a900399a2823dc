# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is declared of the shared filesystem on its clients, and how it and its backup are. Pure: no I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

BACKUP_HOURS = 26
"""How old the last backup may be: they are made every day, and take their time."""
MIB = 1 << 20


def backup_check(text: str, host: str, now: float) -> dict[str, Any]:
    """Return the check of the last backup.

    ``text`` is the report that services/shared_filesystem_backup keeps, empty for none; ``now`` are seconds since 1970.
    """
    check = {"layer": "storage", "check": "shared filesystem is backed up", "host": host}
    remedy = "Remedy: see journalctl -u shared-filesystem-backup."
    try:
        report = json.loads(text)
        hours = (now - report["ended"]) / 3600
    except (ValueError, KeyError, TypeError):
        return {**check, "ok": False, "detail": f"there is no backup yet. {remedy}"}
    if not report["ok"]:
        return {**check, "ok": False, "detail": f"the last one failed {hours:.0f} h ago: {report['problem']}. {remedy}"}
    snapshots = ", ".join(sorted(set(report["snapshots"].values())))
    detail = f"{snapshots}, {report['files']} files, {report['bytes'] / MIB:.0f} MiB, {hours:.0f} h ago"
    if hours > BACKUP_HOURS:
        return {**check, "ok": False, "detail": f"{detail}, needed within {BACKUP_HOURS} h. {remedy}"}
    return {**check, "ok": True, "detail": detail}


NEEDED = ("monitors", "filesystem", "user", "key")
"""What there is to know of a filesystem that exists."""


def problems(monitors: Iterable[str], clients: Mapping[str, Mapping[str, Any]], backups: Iterable[str]) -> list[str]:
    """Return a sentence for each contradiction.

    ``monitors`` are the hosts of group ceph_mon, ``clients`` the variables of those in shared_filesystem, and
    ``backups`` the hosts of shared_filesystem_backup.
    """
    monitors, found = list(monitors), []
    for name, variables in clients.items():
        existing = variables.get("shared_filesystem_existing") or {}
        missing = [word for word in NEEDED if not existing.get(word)]
        if existing and missing:
            found.append(
                f"{name}: shared_filesystem_existing has no {', '.join(missing)}, needed: {', '.join(NEEDED)}."
                " Remedy: ask the filesystem's owner, and declare them."
            )
        elif not existing and not monitors:
            found.append(
                f"{name} is in group shared_filesystem, and there is no filesystem: group ceph_mon has no host. Remedy:"
                " declare hosts of Ceph, or a filesystem that exists (shared_filesystem_existing)."
            )
    for name in backups if not monitors else ():
        found.append(
            f"{name} is in group shared_filesystem_backup, and group ceph_mon has no host. Remedy: declare hosts of"
            " Ceph; a filesystem that exists is backed up by its owner."
        )
    return found


def mount_problem(said: str, host: str, mount: str) -> str:
    """Return why a filesystem cannot be mounted at a place; empty if it can, or is.

    ``said`` is the kind of the filesystem that is mounted there, or else the name of something that is in the folder.
    """
    words = said.strip().split(maxsplit=1)
    if not words or words == ["mounted", "fuse.ceph-fuse"]:
        return ""
    what = f"a filesystem of kind {words[-1]} is mounted there" if words[0] == "mounted" else f"it holds {words[-1]}"
    return (
        f"{host}: {mount} is in use: {what}, which the shared filesystem would hide. Remedy: move that away, or declare"
        " another place (shared_filesystem_mount)."
    )
