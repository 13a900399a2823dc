"""The Nodes and pods of the cluster as they are now, followed by threads of their own."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from kube_api import Change, Client, Reflector

KINDS = {"nodes": "/api/v1/nodes", "pods": "/api/v1/pods"}

Json = Mapping[str, Any]


class Cluster:
    """What was last told of Nodes and pods. ``complete`` is false until both were read once."""

    def __init__(self, client: Client) -> None:
        self._lock = threading.Lock()
        self._objects: dict[str, dict[str, Json]] = {}
        self._reflectors = [Reflector(client, kind, path, self.tell) for kind, path in KINDS.items()]

    def start(self) -> None:
        """Follow them from now on."""
        for reflector in self._reflectors:
            reflector.start()

    @property
    def complete(self) -> bool:
        """Whether both were read once."""
        with self._lock:
            return set(self._objects) == set(KINDS)

    def tell(self, change: Change) -> None:
        """Take a change over."""
        with self._lock:
            if change.verb == "replaced":
                self._objects[change.kind] = {one["metadata"]["uid"]: one for one in change.objects}
                return
            known = self._objects.setdefault(change.kind, {})
            for one in change.objects:
                if change.verb == "set":
                    known[one["metadata"]["uid"]] = one
                else:
                    known.pop(one["metadata"]["uid"], None)

    def nodes(self) -> list[Json]:
        """Return the Nodes."""
        with self._lock:
            return list(self._objects.get("nodes", {}).values())

    def pods(self) -> list[Json]:
        """Return the pods."""
        with self._lock:
            return list(self._objects.get("pods", {}).values())
