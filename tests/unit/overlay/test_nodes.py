"""Labels, taints, readiness and draining of nodes, on recorded answers of the API."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.drain import (
    CORDON,
    CORDONER,
    blockers,
    describe,
    leaving,
    matches,
    must_leave,
    shut_out,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.nodes import as_taint, patch, unready

RESERVED = {"key": "reserved", "value": "theory", "effect": "NoSchedule"}


def node(
    found_labels: dict[str, str] | None = None, found_taints: list[dict[str, str]] | None = None, **notes: Any
) -> dict[str, Any]:
    """Return a Node; ``notes`` are what earlier runs recorded, as lists."""
    annotations = {f"platform.ai-infn.it/managed-{key}": json.dumps(value) for key, value in notes.items()}
    return {
        "metadata": {"name": "w", "labels": found_labels or {}, "annotations": annotations},
        "spec": {"taints": found_taints or []},
    }


def test_a_node_that_is_as_declared_needs_no_patch() -> None:
    found = node({"rack": "a"}, [RESERVED], labels=["rack"], taints=["reserved:NoSchedule"])
    assert patch(found, {"rack": "a"}, [RESERVED]) == {}


def test_a_label_that_is_declared_no_more_is_removed_and_others_stay() -> None:
    found = node({"rack": "a", "kubernetes.io/os": "linux"}, labels=["rack"], taints=[])
    assert patch(found, {}, [])["metadata"]["labels"] == {"rack": None}


def test_taints_of_others_stay_when_ours_change() -> None:
    unreachable = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": "now"}
    found = node(found_taints=[unreachable, RESERVED])
    found["metadata"]["annotations"]["platform.ai-infn.it/managed-taints"] = json.dumps(["reserved:NoSchedule"])
    assert patch(found, {}, [])["spec"]["taints"] == [unreachable]


def test_an_empty_value_of_a_taint_is_left_out() -> None:
    assert as_taint({"key": "gpu", "value": "", "effect": "NoSchedule"}) == {"key": "gpu", "effect": "NoSchedule"}


def test_a_cordon_that_an_interrupted_drain_left_is_taken_back() -> None:
    found = node()
    found["metadata"]["annotations"] = {CORDON: CORDONER}
    found["spec"]["unschedulable"] = True
    assert patch(found, {}, [])["spec"]["unschedulable"] is None


def test_a_cordon_of_somebody_else_stays() -> None:
    found = node()
    found["spec"]["unschedulable"] = True
    assert "unschedulable" not in patch(found, {}, []).get("spec", {})


def test_a_node_is_not_ready_for_the_reason_that_it_gives() -> None:
    def seen(name: str, ready: str, version: str) -> dict[str, Any]:
        condition = {"type": "Ready", "status": ready, "message": "no network"}
        return {
            "metadata": {"name": name},
            "status": {"conditions": [condition], "nodeInfo": {"kubeletVersion": version}},
        }

    nodes = [seen("a", "True", "v1.37.2"), seen("b", "False", "v1.37.2"), seen("c", "True", "v1.36.3")]
    reasons = unready(nodes, ["a", "b", "c", "d"], "1.37.2")
    assert reasons["b"] == "no network"
    assert "v1.36.3" in reasons["c"]
    assert reasons["d"] == "there is no such Node"
    assert "a" not in reasons


def pod(name: str = "p", kind: str = "ReplicaSet", phase: str = "Running", **metadata: Any) -> dict[str, Any]:
    """Return a pod."""
    owners = [{"kind": kind, "controller": True}] if kind else []
    return {
        "metadata": {"name": name, "namespace": "n", "labels": {"app": "x"}, "ownerReferences": owners, **metadata},
        "status": {"phase": phase},
    }


def test_pods_of_daemon_sets_static_pods_and_ended_pods_stay() -> None:
    assert must_leave(pod())
    assert not must_leave(pod(kind="DaemonSet"))
    assert not must_leave(pod(annotations={"kubernetes.io/config.mirror": "x"}))
    assert not must_leave(pod(phase="Succeeded"))


def test_only_pods_that_hold_something_leave_and_those_that_have_not_started() -> None:
    phases = {"holds": "Running", "works": "Running", "starts": "Pending", "ended": "Succeeded"}
    pods = [pod(uid=uid, phase=phase) for uid, phase in phases.items()]
    assert [item["metadata"]["uid"] for item in leaving(pods, ["holds", "ended"])] == ["holds", "starts"]
    assert [item["metadata"]["uid"] for item in leaving(pods)] == ["holds", "works", "starts"]


def test_what_a_node_refused_while_it_shut_down_is_made_anew() -> None:
    def ended(kind: str, phase: str, reason: str) -> dict[str, Any]:
        found = pod(kind=kind)
        return {**found, "status": {"phase": phase, "reason": reason}}

    refused = [ended("DaemonSet", "Failed", "NodeShutdown"), ended("DaemonSet", "Failed", "Terminated")]
    others = [ended("DaemonSet", "Failed", "Evicted"), ended("Job", "Failed", "Terminated"), pod(kind="DaemonSet")]
    assert shut_out(refused + others) == refused


def test_a_pod_that_nothing_makes_anew_is_called_so() -> None:
    assert "nothing makes it anew" in describe(pod(kind=""))


def test_a_blocked_drain_names_pod_and_budget() -> None:
    budget = {
        "metadata": {"namespace": "n", "name": "keep"},
        "spec": {"selector": {"matchLabels": {"app": "x"}}},
        "status": {"disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1},
    }
    (sentence,) = blockers([pod()], [budget], {})
    assert "n/p" in sentence
    assert "n/keep (1 healthy, 1 needed)" in sentence


def test_a_pod_that_is_still_stopping_is_called_so() -> None:
    (sentence,) = blockers([pod(deletionTimestamp="now")], [], {})
    assert "still stopping" in sentence


def test_selectors_match_as_the_api_does() -> None:
    assert matches({}, {"a": "b"})
    assert not matches(None, {"a": "b"})
    assert matches({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}, {"a": "b"})
    assert not matches({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, {"a": "b"})
