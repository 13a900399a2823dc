# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects of a cluster: what changed in them, and whether their pods run. Functions without I/O."""

from __future__ import annotations

import copy
import json
from typing import Any

WORKLOADS = ("DaemonSet", "Deployment", "StatefulSet")
SERVER_FIELDS = ("managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink")


def title(item: dict[str, Any]) -> str:
    """Return an object's name as people write it: ``Kind namespace/name``."""
    metadata = item.get("metadata") or {}
    place = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{item.get('kind')} {place}{metadata.get('name')}"


def problem(item: Any) -> str | None:
    """Return what makes a document no object that can be applied, or None."""
    if not isinstance(item, dict):
        return f"an object is a mapping, not {type(item).__name__}"
    for field in ("apiVersion", "kind"):
        if not item.get(field):
            return f"{title(item)} has no {field}"
    return None if (item.get("metadata") or {}).get("name") else f"{title(item)} has no metadata.name"


def api_prefix(api_version: str) -> str:
    """Return the path of a group and version."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def object_path(item: dict[str, Any], resources: list[dict[str, Any]]) -> str | None:
    """Return the object's path, given the resources of its group and version; None when its kind is not among them."""
    for resource in resources:
        if resource["kind"] == item["kind"] and "/" not in resource["name"]:
            metadata = item["metadata"]
            place = f"/namespaces/{metadata.get('namespace') or 'default'}" if resource["namespaced"] else ""
            return f"{api_prefix(item['apiVersion'])}{place}/{resource['name']}/{metadata['name']}"
    return None


def declared_part(item: dict[str, Any] | None) -> dict[str, Any]:
    """Return an object without what the server keeps in it for itself, for comparisons and diffs."""
    part = copy.deepcopy(item or {})
    part.pop("status", None)
    for field in SERVER_FIELDS:
        (part.get("metadata") or {}).pop(field, None)
    if part.get("kind") == "Secret":
        part["data"] = dict.fromkeys(part.get("data") or {}, "(hidden)")
    return part


def text(item: dict[str, Any] | None) -> str:
    """Return the declared part as text for a diff."""
    part = declared_part(item)
    return json.dumps(part, indent=1, sort_keys=True) + "\n" if part else ""


def differs(before: dict[str, Any] | None, after: dict[str, Any]) -> bool:
    """Whether an apply changed an object. Contents of Secrets count, though they are never shown."""

    def compared(item: dict[str, Any] | None) -> tuple[Any, Any]:
        return declared_part(item), (item or {}).get("data")

    return compared(before) != compared(after)


def unfinished(workload: dict[str, Any]) -> str | None:
    """Return what a workload's rollout lacks, or None when all its pods run the declared version."""
    spec, status = workload.get("spec") or {}, workload.get("status") or {}
    if status.get("observedGeneration", 0) < workload["metadata"].get("generation", 0):
        return "its controller has not seen it yet"
    if workload["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    else:
        wanted = spec.get("replicas", 1)
        updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted or available < wanted:
        return f"{updated} of {wanted} pods are up to date, {available} available"
    return None


def blockers(pods: list[dict[str, Any]]) -> list[str]:
    """Return ``pod on node: reason`` for every pod that is not ready."""
    reasons = []
    for pod in pods:
        reason = pod_problem(pod)
        if reason:
            node = (pod.get("spec") or {}).get("nodeName") or "no node"
            reasons.append(f"pod {pod['metadata']['name']} on {node}: {reason}")
    return reasons


def pod_problem(pod: dict[str, Any]) -> str | None:
    """Return why a pod is not ready, or None."""
    status = pod.get("status") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or []}
    if (conditions.get("Ready") or {}).get("status") == "True":
        return None
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        waiting = (container.get("state") or {}).get("waiting")
        if waiting and waiting.get("reason") != "PodInitializing":
            return f"container {container['name']} {waiting.get('reason')}: {waiting.get('message', '')}".rstrip(": ")
        ended = (container.get("state") or {}).get("terminated")
        if ended and ended.get("exitCode"):
            return f"container {container['name']} ended with status {ended['exitCode']}"
    scheduled = conditions.get("PodScheduled") or {}
    if scheduled.get("status") == "False":
        return scheduled.get("message") or "not scheduled"
    return (conditions.get("Ready") or {}).get("message") or status.get("phase") or "unknown"


def selector_text(workload: dict[str, Any]) -> str:
    """Return the selector of a workload's pods as a query."""
    labels = ((workload.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
