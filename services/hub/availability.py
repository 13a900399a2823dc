"""What of a kind of GPU is free now, and what becomes free as soon as a session asks. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.cluster import gpu_nodes, gpu_pods

from hub.settings import Gpu

BATCH = "batch-"
"""How the names of priority classes begin whose pods give way to a session."""

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Available:
    """Numbers of GPUs of a kind: ``offered`` by nodes, ``held`` by what stays, ``batch`` by what gives way."""

    offered: int
    held: int
    batch: int

    @property
    def free(self) -> int:
        """How many can be had at once."""
        return max(self.offered - self.held - self.batch, 0)

    @property
    def possible(self) -> int:
        """How many can be had, batch jobs giving way."""
        return max(self.offered - self.held, 0)


def available(gpu: Gpu, nodes: Iterable[Json], pods: Iterable[Json]) -> Available:
    """Return what is available of a kind, from the Nodes and pods as the API server gives them."""
    fitting = [node for node in nodes if _has(node, gpu.node_labels)]
    usable = {node["name"]: node for node in gpu_nodes(fitting) if node["ready"] and node["schedulable"]}
    offered = sum(node["allocatable"].get(gpu.resource, 0) for node in usable.values())
    held = batch = 0
    for pod in gpu_pods(pods):
        number = pod["requests"].get(gpu.resource, 0)
        if pod["node"] in usable and pod["priority_class"].startswith(BATCH):
            batch += number
        elif pod["node"] in usable:
            held += number
    return Available(offered, held, batch)


def words(now: Available) -> str:
    """Return what is available as a person is told it."""
    if now.free:
        return f"{now.free} of {now.offered} free"
    if now.possible:
        return f"{now.possible} of {now.offered} in use by batch, freed in seconds"
    if now.offered:
        return f"all {now.offered} in use by sessions"
    return "none offered now"


def _has(node: Json, labels: Mapping[str, str]) -> bool:
    found = node["metadata"].get("labels") or {}
    return all(found.get(name) == value for name, value in labels.items())
