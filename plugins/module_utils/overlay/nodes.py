# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What has to change on a Node so that its labels and taints are as declared, and other people's stay."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.drain import cordon_patch, is_our_cordon

MANAGED_LABELS = "platform.ai-infn.it/managed-labels"
MANAGED_TAINTS = "platform.ai-infn.it/managed-taints"

Taint = dict[str, str]


def identity(taint: Taint) -> str:
    """Return what makes a taint one: its key and effect."""
    return f"{taint['key']}:{taint['effect']}"


def as_taint(declared: dict[str, Any]) -> Taint:
    """Return a declared taint in the API's form; an empty value is left out, as the API does."""
    taint = {"key": str(declared["key"]), "effect": str(declared["effect"])}
    if declared.get("value") not in (None, ""):
        taint["value"] = str(declared["value"])
    return taint


def managed(node: dict[str, Any], annotation: str) -> list[str]:
    """Return what an earlier run recorded as ours."""
    return json.loads(node["metadata"].get("annotations", {}).get(annotation, "[]"))


def patch(node: dict[str, Any], labels: dict[str, str], taints: list[Taint]) -> dict[str, Any]:
    """Return the merge patch that makes a Node as declared; empty when it already is.

    What an earlier run of ours set and is declared no more is removed; everything else on the Node stays.
    """
    found_labels = node["metadata"].get("labels", {})
    found_taints = [
        {key: value for key, value in taint.items() if key != "timeAdded"} for taint in node["spec"].get("taints", [])
    ]
    wanted = {key: str(value) for key, value in labels.items()}
    changes: dict[str, Any] = {key: value for key, value in wanted.items() if found_labels.get(key) != value}
    changes.update({key: None for key in managed(node, MANAGED_LABELS) if key not in wanted and key in found_labels})

    ours = {identity(taint) for taint in taints} | set(managed(node, MANAGED_TAINTS))
    others = [taint for taint in node["spec"].get("taints", []) if identity(taint) not in ours]
    kept = [taint for taint in found_taints if identity(taint) in ours]
    result: dict[str, Any] = {}
    if sorted(kept, key=identity) != sorted(taints, key=identity):
        result["spec"] = {"taints": others + taints}
    metadata: dict[str, Any] = {"labels": changes} if changes else {}
    records = {MANAGED_LABELS: sorted(wanted), MANAGED_TAINTS: sorted(identity(taint) for taint in taints)}
    notes = {key: json.dumps(value) for key, value in records.items() if managed(node, key) != value}
    if notes:
        metadata["annotations"] = notes
    if metadata:
        result["metadata"] = metadata
    return with_uncordon(node, result)


def with_uncordon(node: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return the patch that also takes back a cordon which an interrupted drain of ours left behind."""
    if not is_our_cordon(node):
        return changes
    back = cordon_patch(False)
    metadata = changes.get("metadata", {})
    annotations = {**metadata.get("annotations", {}), **back["metadata"]["annotations"]}
    return {"metadata": {**metadata, "annotations": annotations}, "spec": {**changes.get("spec", {}), **back["spec"]}}


def unready(nodes: list[dict[str, Any]], names: list[str], version: str | None = None) -> dict[str, str]:
    """Return {name: reason} of the named Nodes that are not Ready, or not at the version (with or without "v")."""
    found = {node["metadata"]["name"]: node for node in nodes}
    reasons = {}
    for name in names:
        if name not in found:
            reasons[name] = "there is no such Node"
            continue
        status = found[name]["status"]
        condition = next((item for item in status.get("conditions", []) if item["type"] == "Ready"), {})
        running = status.get("nodeInfo", {}).get("kubeletVersion", "")
        if condition.get("status") != "True":
            reasons[name] = condition.get("message") or "its kubelet has not reported yet"
        elif version and running.lstrip("v") != version.lstrip("v"):
            reasons[name] = f"its kubelet is {running}, declared is v{version.lstrip('v')}"
    return reasons
