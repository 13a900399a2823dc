# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Kubernetes offers of GPUs, and which pods asked for them, from the objects of its API. Pure: no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from .holders import PREFIX
from .note import ANNOTATION, read_note

PRESENT = "nvidia.com/gpu.present"
"""Label of a Node that has cards."""
ENDED = ("Succeeded", "Failed")

Json = Mapping[str, Any]


def gpu_nodes(nodes: Iterable[Json]) -> list[dict[str, Any]]:
    """Return the Nodes that have cards or offer GPUs: ``name, ready, schedulable, allocatable, noted``."""
    return [_node(node) for node in nodes if _has_gpus(node)]


def gpu_pods(pods: Iterable[Json]) -> list[dict[str, Any]]:
    """Return the pods that were given a Node, asked for GPUs and have not ended.

    Each with ``uid, namespace, name, node, phase, requests, priority_class, owner``; owner is ``Kind name`` or empty.
    """
    found = []
    for pod in pods:
        spec, phase = pod["spec"], pod.get("status", {}).get("phase", "")
        requests = pod_requests(spec)
        if not requests or not spec.get("nodeName") or phase in ENDED:
            continue
        owners = pod["metadata"].get("ownerReferences") or []
        found.append(
            {
                "uid": pod["metadata"]["uid"],
                "namespace": pod["metadata"]["namespace"],
                "name": pod["metadata"]["name"],
                "node": spec["nodeName"],
                "phase": phase,
                "requests": requests,
                "priority_class": spec.get("priorityClassName", ""),
                "owner": f"{owners[0]['kind']} {owners[0]['name']}" if owners else "",
            }
        )
    return found


def pod_requests(spec: Json) -> dict[str, int]:
    """Return the GPUs that the scheduler counts for a pod, by resource.

    Containers run together. Each init container runs alone, beside those before it that keep running (restartPolicy
    Always). The larger one counts: kubernetes.io/docs/concepts/workloads/pods/sidecar-containers, "Resource sharing
    within containers".
    """
    lasting: Counter[str] = Counter()
    peak: Counter[str] = Counter()
    for container in spec.get("initContainers") or []:
        peak |= lasting + _asked(container)
        if container.get("restartPolicy") == "Always":
            lasting += _asked(container)
    for container in spec.get("containers") or []:
        lasting += _asked(container)
    return dict(sorted((peak | lasting).items()))


def _asked(container: Json) -> Counter[str]:
    resources = container.get("resources") or {}
    return Counter(_gpus({**(resources.get("limits") or {}), **(resources.get("requests") or {})}))


def _gpus(quantities: Json) -> dict[str, int]:
    """Return the GPUs among quantities, without those of which there are none."""
    found = {name: _number(value) for name, value in sorted(quantities.items()) if name.startswith(PREFIX)}
    return {name: number for name, number in found.items() if number}


def _number(quantity: Any) -> int:
    """Return a count. The API writes whole thousands with a k."""
    text = str(quantity)
    return int(text[:-1]) * 1000 if text.endswith("k") else int(text)


def _has_gpus(node: Json) -> bool:
    status = node.get("status", {})
    names = {*(status.get("allocatable") or {}), *(status.get("capacity") or {})}
    labels = node["metadata"].get("labels") or {}
    return labels.get(PRESENT) == "true" or any(name.startswith(PREFIX) for name in names)


def _node(node: Json) -> dict[str, Any]:
    status = node.get("status", {})
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or [])
    return {
        "name": node["metadata"]["name"],
        "ready": ready,
        "schedulable": not node.get("spec", {}).get("unschedulable", False),
        "allocatable": _gpus(status.get("allocatable") or {}),
        "noted": read_note((node["metadata"].get("annotations") or {}).get(ANNOTATION)),
    }
