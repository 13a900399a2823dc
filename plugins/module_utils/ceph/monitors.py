# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The monitors of a Ceph cluster: how one comes into being, and who votes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .client import ADMIN

PORT = 3300
"""Where monitors listen with the second version of the messengers' protocol, the one that encrypts."""
FOLDER = "/var/lib/ceph/mon/ceph-{name}"


def map_command(path: str, fsid: str, name: str, address: str) -> list[str]:
    """Return the command that writes the map of a cluster that begins with one monitor.

    Others join it. A map that names them from the beginning would let two new ones outvote an old one that is down.
    """
    return ["monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", name, f"[v2:{address}:{PORT}/0]", path]


def first_keys(monitor: str, admin: str) -> str:
    """Return the keyring that a monitor begins with: the key that all monitors share, and the administrator's."""
    everything = "".join(f'\tcaps {kind} = "allow *"\n' for kind in ("mds", "mgr", "mon", "osd"))
    return f'[mon.]\n\tkey = {monitor}\n\tcaps mon = "allow *"\n[{ADMIN}]\n\tkey = {admin}\n{everything}'


def votes(status: Mapping[str, Any], name: str) -> bool:
    """Tell from the answer of ``ceph quorum_status`` whether a monitor is one of those that agree."""
    return name in status.get("quorum_names", [])
