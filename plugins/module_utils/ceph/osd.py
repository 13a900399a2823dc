# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An OSD on a whole device, known by the label that BlueStore writes at the device's beginning.

Nothing of an OSD has to be kept on the host: a host that is made anew finds it on its volume.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EMPTIED = "ai-infn/emptied/"
"""Beginning of the monitors' notes, one for the UUID of each OSD that left when others had all that it held."""


@dataclass(frozen=True)
class Label:
    """What a device says of itself: whose it is, which OSD, and whether that was made to its end."""

    fsid: str
    uuid: str
    number: int | None
    complete: bool


def label_of(text: str) -> Label | None:
    """Return the label from the answer of ``ceph-bluestore-tool show-label``, None for a device without one."""
    try:
        documents: Mapping[str, Any] = json.loads(text)
    except ValueError:
        return None
    for label in documents.values():
        number = str(label.get("whoami", ""))
        complete = label.get("mkfs_done") == "yes" and "osd_key" in label
        return Label(label.get("ceph_fsid", ""), label["osd_uuid"], int(number) if number.isdigit() else None, complete)
    return None


@dataclass(frozen=True)
class Draft:
    """An OSD that is being made. It is written down first, so that an interrupted run is resumed and not repeated."""

    uuid: str
    key: str


def objection(device: str, label: Label | None, signature: str, draft: Draft | None, fsid: str) -> str:
    """Return why a device may not be made an OSD of the cluster ``fsid``, or nothing.

    ``signature`` is what ``blkid --probe`` says of it, empty for a device with nothing on it.
    """
    ours = label is not None and draft is not None and label.uuid == draft.uuid
    if ours:
        return ""
    if label is not None and label.complete and label.fsid == fsid:
        return ""
    if label is not None:
        whose = f"the cluster {label.fsid}" if label.fsid else "no cluster"
        what = "an OSD" if label.complete else "the beginning of an OSD"
        return (
            f"{device} holds {what} of {whose}, and this cluster is {fsid}. Remedy: give the host another volume, or,"
            f" if nobody needs what is on this one, run 'dd if=/dev/zero of={device} bs=1M count=16' there."
        )
    if signature:
        return (
            f"{device} is not empty: {signature}. Remedy: give the host an empty volume, or, if nobody needs what is on"
            f" this one, run 'wipefs --all {device}' there."
        )
    return ""


def by_host(tree: Mapping[str, Any]) -> dict[str, list[int]]:
    """Return the numbers of the OSDs of each host, from the answer of ``ceph osd tree``."""
    hosts = [node for node in tree["nodes"] if node["type"] == "host"]
    return {node["name"]: sorted(number for number in node["children"] if number >= 0) for node in hosts}
