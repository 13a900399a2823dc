# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which pods hold which GPU and MIG devices of a host, as its kubelet has noted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

CHECKPOINT = "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint"
"""The kubelet's file of device assignments, from which it restores them when it starts."""
PREFIX = "nvidia.com/"


def read_holders(path: str = CHECKPOINT) -> dict[str, str]:
    """Return the UID of the pod that holds each device, by the device's UUID. No file is a kubelet that has given none.

    The kubelet forgets an ended pod when it gives out devices the next time, so a UID may be that of one that is gone.
    Raises ValueError for a file that is not understood.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        entries = json.loads(text)["Data"]["PodDeviceEntries"] or []
        return {device: entry["PodUID"] for entry in entries for device in _devices(entry)}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not understood ({type(error).__name__}: {error})") from error


def _devices(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield the UUIDs of one assignment; a shared device's ID is its UUID with ``::`` and the number of the share."""
    if entry["ResourceName"].startswith(PREFIX):
        for devices in entry["DeviceIDs"].values():
            for device in devices:
                yield device.partition("::")[0]


def held_by(pods: list[dict[str, str]], checkpoint: str) -> dict[str, dict[str, str]]:
    """Return which of the pods holds each device, by the device's UUID."""
    living = {pod["uid"]: pod for pod in pods}
    return {device: living[uid] for device, uid in read_holders(checkpoint).items() if uid in living}
