"""Which address the network plugin gave to which pod, from libcni's cache of results.

libcni writes one file for each attachment before the first container of the pod starts, and removes it when the pod
goes. Reading it admits a pod a second or two before the API knows its address, and ends an admission at once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from network_policy_agent.objects import POD_LINKS, is_ipv4

RESULTS = Path("/var/lib/cni/results")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attachment:
    """A pod's address, and the node's end of its link where the plugin names one."""

    uid: str
    address: str
    link: str | None


def attachment_of(result: Mapping[str, Any]) -> Attachment | None:
    """Return the attachment that a cached result describes, or None when it is not a pod's."""
    arguments = {pair[0]: pair[1] for pair in result.get("cniArgs") or [] if len(pair) == 2}
    uid = arguments.get("K8S_POD_UID") if result.get("ifName") != "lo" else None
    content = result.get("result") or {}
    outer = [one.get("name", "") for one in content.get("interfaces") or [] if not one.get("sandbox")]
    link = next((name for name in outer if name.startswith(POD_LINKS)), None)
    for entry in content.get("ips") or []:
        address = str(entry.get("address", "")).partition("/")[0]
        if uid and is_ipv4(address):
            return Attachment(uid, address, link)
    return None


class Attachments:
    """The folder of results, read again only when it changed."""

    def __init__(self, folder: Path = RESULTS) -> None:
        self._folder = folder
        self._stamp: int | None = None
        self._files: dict[str, tuple[int, Attachment | None]] = {}
        self.current: dict[str, Attachment] = {}

    def refresh(self) -> bool:
        """Read what is new; return True when an attachment came or went."""
        try:
            stamp: int | None = self._folder.stat().st_mtime_ns
            if stamp == self._stamp:
                return False
            names = {entry.name for entry in self._folder.iterdir()}
        except OSError:
            stamp, names = None, set()
        incomplete = self._read(names)
        # A file that is still being written is read again at the next turn.
        self._stamp = None if incomplete else stamp
        # After a reboot a pod has two for a moment: the newest counts.
        newest = sorted(self._files.values(), key=lambda kept: kept[0])
        current = {one.uid: one for _stamp, one in newest if one}
        changed = current != self.current
        self.current = current
        return changed

    def _read(self, names: set[str]) -> bool:
        self._files = {name: kept for name, kept in self._files.items() if name in names}
        incomplete = False
        for name in names - self._files.keys():
            try:
                path = self._folder / name
                content = json.loads(path.read_text(encoding="utf-8"))
                self._files[name] = (path.stat().st_mtime_ns, attachment_of(content))
            except (OSError, ValueError):
                incomplete = True
        return incomplete
