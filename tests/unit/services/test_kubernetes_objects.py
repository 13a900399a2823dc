"""What changed in objects, and what blocks a rollout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "plugins" / "module_utils" / "overlay"))

import objects

Json = dict[str, Any]
RESOURCES = [
    {"kind": "Namespace", "name": "namespaces", "namespaced": False},
    {"kind": "Pod", "name": "pods", "namespaced": True},
    {"kind": "Pod", "name": "pods/status", "namespaced": True},
]


def item(kind: str = "Pod", version: str = "v1", **more: Any) -> Json:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": "n"}, **more}


def test_paths_follow_the_servers_list_of_resources() -> None:
    assert objects.object_path(item(), RESOURCES) == "/api/v1/namespaces/n/pods/x"
    assert objects.object_path(item("Namespace"), RESOURCES) == "/api/v1/namespaces/x"
    assert objects.object_path(item("Queue"), RESOURCES) is None
    assert objects.api_prefix("apps/v1") == "/apis/apps/v1"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (None, "mapping"),
        ({"kind": "Pod", "metadata": {"name": "x"}}, "no apiVersion"),
        ({"apiVersion": "v1", "kind": "Pod"}, "no metadata.name"),
    ],
)
def test_what_is_no_object_is_named(document: Any, said: str) -> None:
    assert said in objects.problem(document)


def test_what_the_server_keeps_for_itself_is_no_difference() -> None:
    before = item(status={"phase": "Pending"})
    after = item()
    after["metadata"].update(resourceVersion="2", managedFields=[{}], generation=3)
    assert not objects.differs(before, after)
    after["metadata"]["labels"] = {"a": "b"}
    assert objects.differs(before, after)
    assert objects.differs(None, after)


def test_a_secrets_content_counts_and_is_never_shown() -> None:
    before, after = item("Secret", data={"key": "b2xk"}), item("Secret", data={"key": "bmV3"})
    assert objects.differs(before, after)
    assert "bmV3" not in objects.text(after)


def daemon_set(**status: int) -> Json:
    workload = item("DaemonSet", "apps/v1", spec={"selector": {"matchLabels": {"app": "x"}}}, status=status)
    workload["metadata"]["generation"] = 2
    return workload


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"observedGeneration": 1}, "not seen it yet"),
        (
            {"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2},
            "3 of 3 pods are up to date, 2 available",
        ),
        (
            {"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3},
            None,
        ),
    ],
)
def test_a_rollout_is_finished_when_all_updated_pods_are_available(status: dict[str, int], said: str | None) -> None:
    found = objects.unfinished(daemon_set(**status))
    assert found is None if said is None else said in found


def test_the_pod_that_blocks_is_named_with_node_and_reason() -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    pods = [
        item(spec={"nodeName": "worker-1"}, status={"containerStatuses": [{"name": "c", "state": waiting}]}),
        item(status={"conditions": [{"type": "Ready", "status": "True"}]}),
        item(status={"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes"}]}),
    ]
    assert objects.blockers(pods) == [
        "pod x on worker-1: container c ImagePullBackOff: no such image",
        "pod x on no node: 0/1 nodes",
    ]
