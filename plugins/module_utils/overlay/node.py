# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One Node of a cluster: its pods, and whether it takes new ones."""

from __future__ import annotations

from typing import Any

from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import Kubernetes
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.drain import (
    cordon_patch,
    has_ended,
    is_our_cordon,
    name_of,
    pod_path,
    shut_out,
)


class Node:
    """The Node of a name, which need not exist."""

    def __init__(self, client: Kubernetes, name: str) -> None:
        self.client = client
        self.name = name
        self._path = f"/api/v1/nodes/{name}"

    def find(self) -> dict[str, Any] | None:
        """Return the Node, or None."""
        return self.client.find(self._path)

    def pods(self) -> list[dict[str, Any]]:
        """Return its pods."""
        return self.client.get("/api/v1/pods", fieldSelector=f"spec.nodeName={self.name}")["items"]

    def living(self) -> list[dict[str, str]]:
        """Return UID and name of the pods that live on it."""
        pods = [pod for pod in self.pods() if not has_ended(pod)]
        return [{"uid": pod["metadata"]["uid"], "name": name_of(pod)} for pod in pods]

    def cordon(self, on: bool) -> None:
        """Cordon in our name, or take that back."""
        self.client.merge(self._path, cordon_patch(on))

    def release(self, check_mode: bool = False) -> bool:
        """Take back a cordon of ours and no other; return whether there was one.

        DaemonSets then make those pods anew that the node refused while it shut down.
        """
        found = self.find()
        ours = found is not None and is_our_cordon(found)
        if ours and not check_mode:
            self.cordon(False)
            for pod in shut_out(self.pods()):
                self.client.delete(pod_path(pod))
        return ours
