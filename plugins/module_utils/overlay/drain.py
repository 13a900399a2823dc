# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which pods must leave a node, and what keeps them."""

from __future__ import annotations

from typing import Any

CORDON = "platform.ai-infn.it/cordoned-by"
"""Annotation of a node that a run of ours has cordoned; the next run takes such a cordon back."""
CORDONER = "ai_infn.platform"


def name_of(pod: dict[str, Any]) -> str:
    """Return namespace/name."""
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def has_ended(pod: dict[str, Any]) -> bool:
    """Whether none of a pod's containers will run any more."""
    return pod["status"].get("phase") in ("Succeeded", "Failed")


def of_daemon_set(pod: dict[str, Any]) -> bool:
    """Whether a DaemonSet has made the pod."""
    return any(owner["kind"] == "DaemonSet" for owner in pod["metadata"].get("ownerReferences", []))


def must_leave(pod: dict[str, Any]) -> bool:
    """Whether a pod has to be evicted: not a DaemonSet's, not a static pod's mirror, not one that has ended."""
    is_static = "kubernetes.io/config.mirror" in pod["metadata"].get("annotations", {})
    return not (is_static or of_daemon_set(pod) or has_ended(pod))


def shut_out(pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the pods of DaemonSets that a node ended or refused because it was shutting down.

    Their controller waits before it makes others, after several shutdowns for up to a quarter of an hour. Where such a
    pod is deleted it makes another at once. Source: backoff of failed pods in pkg/controller/daemon of Kubernetes.
    """
    reasons = ("NodeShutdown", "Terminated")
    return [pod for pod in pods if of_daemon_set(pod) and has_ended(pod) and pod["status"].get("reason") in reasons]


def pod_path(pod: dict[str, Any]) -> str:
    """Return the path of a pod in the API."""
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def leaving(pods: list[dict[str, Any]], only: list[str] | None = None) -> list[dict[str, Any]]:
    """Return the pods of a node that must leave: all, or those of these UIDs and those that have not started yet."""
    return [
        pod
        for pod in pods
        if must_leave(pod)
        and (only is None or pod["metadata"]["uid"] in only or pod["status"].get("phase") == "Pending")
    ]


def describe(pod: dict[str, Any]) -> str:
    """Return namespace/name, and what is lost with a pod that nothing makes anew."""
    owned = any(owner.get("controller") for owner in pod["metadata"].get("ownerReferences", []))
    return name_of(pod) + ("" if owned else " (nothing makes it anew)")


def matches(selector: dict[str, Any] | None, labels: dict[str, str]) -> bool:
    """Whether a label selector of the API takes these labels; an empty one takes all, None takes none."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    tests = {
        "In": lambda key, values: labels.get(key) in values,
        "NotIn": lambda key, values: labels.get(key) not in values,
        "Exists": lambda key, values: key in labels,
        "DoesNotExist": lambda key, values: key not in labels,
    }
    expressions = selector.get("matchExpressions", [])
    return all(tests[item["operator"]](item["key"], item.get("values", [])) for item in expressions)


def budgets_of(pod: dict[str, Any], budgets: list[dict[str, Any]]) -> list[str]:
    """Return the disruption budgets of a pod that allow no disruption now, each with its state in words."""
    found = []
    for budget in budgets:
        if budget["metadata"]["namespace"] != pod["metadata"]["namespace"]:
            continue
        if not matches(budget["spec"].get("selector"), pod["metadata"].get("labels", {})):
            continue
        status = budget.get("status", {})
        if status.get("disruptionsAllowed", 0) < 1:
            name = f"{budget['metadata']['namespace']}/{budget['metadata']['name']}"
            found.append(
                f"{name} ({status.get('currentHealthy', 0)} healthy, {status.get('desiredHealthy', 0)} needed)"
            )
    return found


def blockers(pods: list[dict[str, Any]], budgets: list[dict[str, Any]], refusals: dict[str, str]) -> list[str]:
    """Return one sentence for each pod that is still there: the budget that keeps it, or that it is still stopping."""
    sentences = []
    for pod in pods:
        name = name_of(pod)
        kept = budgets_of(pod, budgets)
        if "deletionTimestamp" in pod["metadata"]:
            sentences.append(f"pod {name} was evicted and is still stopping")
        elif kept:
            sentences.append(f"pod {name} is kept by the disruption budget {', '.join(kept)}")
        else:
            sentences.append(f"pod {name} could not be evicted: {refusals.get(name, 'no answer')}")
    return sentences


def is_our_cordon(node: dict[str, Any]) -> bool:
    """Whether a run of ours has cordoned this node and not finished."""
    return bool(node["spec"].get("unschedulable")) and node["metadata"].get("annotations", {}).get(CORDON) == CORDONER


def cordon_patch(on: bool) -> dict[str, Any]:
    """Return the merge patch that cordons a node in our name, or takes that back."""
    return {
        "metadata": {"annotations": {CORDON: CORDONER if on else None}},
        "spec": {"unschedulable": True if on else None},
    }
