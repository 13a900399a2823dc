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
"""What there is to know of a CephFS that exists."""
OURS = "mounted ours"
"""What is said of a place where this platform has mounted the shared filesystem."""
Variables = Mapping[str, Any]


def problems(
    monitors: Iterable[str], clients: Mapping[str, Variables], backups: Iterable[str], servers: Iterable[str]
) -> list[str]:
    """Return a sentence for each contradiction.

    ``monitors`` are the hosts of group ceph_mon, ``clients`` the variables of those in shared_filesystem, ``backups``
    the hosts of shared_filesystem_backup, and ``servers`` those of ceph_nfs.
    """
    monitors, servers = list(monitors), list(servers)
    found = [problem for name, one in clients.items() if (problem := client_problem(name, one, monitors, servers))]
    for group, hosts in {"shared_filesystem_backup": list(backups), "ceph_nfs": servers}.items():
        found += [
            f"{name} is in group {group}, and group ceph_mon has no host. Remedy: declare hosts of Ceph; a filesystem"
            " that exists is served and backed up by its owner."
            for name in (() if monitors else hosts)
        ]
    return found


def client_problem(name: str, variables: Variables, monitors: list[str], servers: list[str]) -> str:
    """Return what contradicts itself in the variables of a host that shall mount the filesystem; empty if nothing."""
    existing = variables.get("shared_filesystem_existing") or {}
    client = variables.get("shared_filesystem_client", "")
    if existing.get("server"):
        others = [word for word in NEEDED if existing.get(word)]
        if others or client not in {"", "nfs"}:
            what = f"has a server and {', '.join(others)}" if others else f"has a server, and {client} is its client"
            return (
                f"{name}: shared_filesystem_existing {what}. Needed: a server of NFS, or else what there is to know of"
                " a CephFS. Remedy: declare one of both."
            )
        return ""
    missing = [word for word in NEEDED if not existing.get(word)]
    if existing and (missing or client == "nfs"):
        return (
            f"{name}: shared_filesystem_existing has no {'server' if client == 'nfs' else ', '.join(missing)}, needed:"
            f" {', '.join(NEEDED)} of a CephFS, or server of NFS. Remedy: ask the filesystem's owner, and declare them."
        )
    if not existing and not monitors:
        return (
            f"{name} is in group shared_filesystem, and there is no filesystem: group ceph_mon has no host. Remedy:"
            " declare hosts of Ceph, or a filesystem that exists (shared_filesystem_existing)."
        )
    if client == "nfs" and not servers:
        return (
            f"{name} is to mount the shared filesystem by NFS, and group ceph_nfs has no host. Remedy: declare one, or"
            " another client (shared_filesystem_client)."
        )
    return ""


def nfs_leave_problem(clients: Mapping[str, Variables], host: str, servers: Mapping[str, Variables]) -> str:
    """Return why a server of NFS cannot leave; empty if it can.

    ``clients`` are the variables of the hosts in shared_filesystem, and ``servers`` those of the hosts in ceph_nfs, of
    which ``host`` is one. Who declares no server has the first of them.
    """
    words = ("ceph_address", "openstack_server_address", "ansible_host")
    names = {host, *(servers[host][word] for word in words if word in servers[host])}
    by_nfs = {name: one for name, one in clients.items() if one.get("shared_filesystem_client") == "nfs"}
    served = {name: one.get("shared_filesystem_nfs_server") or next(iter(servers)) for name, one in by_nfs.items()}
    using = [name for name, server in served.items() if name != host and server in names]
    if not using:
        return ""
    return (
        f"{host} serves the shared filesystem by NFS to {', '.join(sorted(using))}, which would hang. Remedy: declare"
        " another server there (shared_filesystem_nfs_server), run storage.yml, and try again."
    )


def mount_problem(said: str, host: str, mount: str) -> str:
    """Return why a filesystem cannot be mounted at a place; empty if it can, or is.

    ``said`` is "mounted" and the kind of the filesystem that is mounted there (``OURS`` for the shared one), or "holds"
    and the name of something that is in the folder.
    """
    words = said.strip().split(maxsplit=1)
    if not words or " ".join(words) == OURS:
        return ""
    what = f"a filesystem of kind {words[-1]} is mounted there" if words[0] == "mounted" else f"it holds {words[-1]}"
    return (
        f"{host}: {mount} is in use: {what}, which the shared filesystem would hide. Remedy: move that away, or declare"
        " another place (shared_filesystem_mount)."
    )
