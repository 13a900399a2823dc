"""The agent's copy of the cluster, kept by the changes that the reflectors tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kube_api.reflector import Change

from network_policy_agent.attachments import Attachments
from network_policy_agent.compiler import Cluster, with_local_addresses
from network_policy_agent.objects import Json, labels_of, pod_of
from network_policy_agent.policy import Policy, policy_of

PATHS = {
    "pods": "/api/v1/pods",
    "namespaces": "/api/v1/namespaces",
    "networkpolicies": "/apis/networking.k8s.io/v1/networkpolicies",
}
PARSERS: dict[str, Callable[[Json], Any]] = {"pods": pod_of, "namespaces": labels_of, "networkpolicies": policy_of}


class Store:
    """Takes changes in; gives the whole as one immutable value out."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._kept: dict[str, dict[str, Any]] = {kind: {} for kind in PATHS}
        self._synced: set[str] = set()

    @property
    def synced(self) -> bool:
        """Tell whether every kind has been listed at least once."""
        return self._synced == set(PATHS)

    @property
    def policies(self) -> list[Policy]:
        """Return the policies in the order of their names."""
        kept = self._kept["networkpolicies"]
        return [kept[key] for key in sorted(kept)]

    def take(self, change: Change) -> bool:
        """Take a change in; return False when it alters nothing that rules depend on."""
        kept, parse = self._kept[change.kind], PARSERS[change.kind]
        before = dict(kept) if change.verb == "replaced" else None
        if before is not None:
            kept.clear()
        altered = False
        for item in change.objects:
            altered |= _keep(kept, item, None if change.verb == "removed" else parse(item))
        if before is None:
            return altered
        first = change.kind not in self._synced
        self._synced.add(change.kind)
        return first or before != kept

    def cluster(self, attachments: Attachments) -> Cluster:
        """Return everything that the rules depend on."""
        pods = self._kept["pods"]
        return Cluster(
            pods=with_local_addresses([pods[key] for key in sorted(pods)], self._node, attachments.current),
            namespaces=tuple(sorted(self._kept["namespaces"].items())),
            policies=tuple(self.policies),
        )


def _keep(kept: dict[str, Any], item: Json, value: Any) -> bool:
    """Keep a parsed object under its name, None removing it; return whether that altered anything."""
    metadata = item["metadata"]
    key = f"{metadata['namespace']}/{metadata['name']}" if "namespace" in metadata else metadata["name"]
    if value is None:
        return kept.pop(key, None) is not None
    if kept.get(key) == value:
        return False
    kept[key] = value
    return True
