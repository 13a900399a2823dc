"""What Kubernetes offers of GPUs and who asked for them is read from the objects of its API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.cluster import gpu_nodes, gpu_pods, pod_requests
from ansible_collections.ai_infn.platform.plugins.modules import kubernetes_gpus_info

from tests.unit.gpu_plan.reported import GPU, SMALL, card, node, pod


def container(number: int, **more: Any) -> dict[str, Any]:
    return {"resources": {"requests": {"cpu": "1", GPU: str(number)}}, **more}


SIDECAR = {"restartPolicy": "Always"}


def test_a_node_is_told_with_what_it_offers_and_what_was_noted() -> None:
    (found,) = gpu_nodes([node("gpu-1", [card("gpu-1")], offered={"gpu": 1})])
    assert found["noted"]["cards"] == [{"index": 0, "uuid": "GPU-gpu-1-0", "mig": False, "slices": []}]
    del found["noted"]
    assert found == {"name": "gpu-1", "ready": True, "schedulable": True, "allocatable": {GPU: 1}}


def test_a_node_that_is_not_ready_or_cordoned_says_so() -> None:
    silent, cordoned = node("a", None, ready=False), node("b", None)
    cordoned["spec"] = {"unschedulable": True}
    new = {"metadata": {"name": "c", "labels": {"nvidia.com/gpu.present": "true"}}}
    states = [(one["ready"], one["schedulable"], one["noted"]) for one in gpu_nodes([silent, cordoned, new])]
    assert states == [(False, True, None), (True, False, None), (False, True, None)]


def test_nodes_without_gpus_are_left_out_and_one_whose_gpus_are_all_broken_is_not() -> None:
    plain = {"metadata": {"name": "w"}, "status": {"allocatable": {"cpu": "4"}}}
    broken = {"metadata": {"name": "g"}, "status": {"allocatable": {GPU: "0"}, "capacity": {GPU: "8"}}}
    assert [(one["name"], one["allocatable"]) for one in gpu_nodes([plain, broken])] == [("g", {})]


def test_a_thousand_shares_are_read_as_the_api_writes_them() -> None:
    shared = {"metadata": {"name": "g"}, "status": {"allocatable": {GPU: "1k"}}}
    assert gpu_nodes([shared])[0]["allocatable"] == {GPU: 1000}


@pytest.mark.parametrize(
    ("spec", "number"),
    [
        ({"containers": [container(1), container(2)]}, 3),
        ({"containers": [container(1)], "initContainers": [container(4), container(2)]}, 4),
        ({"containers": [container(2)], "initContainers": [container(1, **SIDECAR)]}, 3),
        ({"containers": [container(1)], "initContainers": [container(1, **SIDECAR), container(3)]}, 4),
        ({"containers": [container(1)], "initContainers": [container(3), container(1, **SIDECAR)]}, 3),
        ({"containers": [{"resources": {"limits": {GPU: "2"}}}]}, 2),
    ],
)
def test_containers_add_up_and_init_containers_count_by_the_largest(spec: dict[str, Any], number: int) -> None:
    assert pod_requests(spec) == {GPU: number}


def test_a_pod_is_told_with_what_made_it() -> None:
    made = pod("notebook", "gpu-1", SMALL, priorityClassName="interactive")
    made["metadata"]["ownerReferences"] = [{"kind": "Job", "name": "training"}]
    assert gpu_pods([made]) == [
        {
            "uid": "notebook",
            "namespace": "theory",
            "name": "notebook",
            "node": "gpu-1",
            "phase": "Running",
            "requests": {SMALL: 1},
            "priority_class": "interactive",
            "owner": "Job training",
        }
    ]


def test_pods_without_gpus_without_a_node_or_at_their_end_are_left_out() -> None:
    plain, waiting, ended = pod("plain", "gpu-1", "cpu"), pod("waiting", ""), pod("ended", "gpu-1")
    ended["status"]["phase"] = "Failed"
    assert gpu_pods([plain, waiting, ended, {"metadata": {}, "spec": {}}]) == []


class Api:
    """The API server of one cluster, with what it was asked."""

    asked: list[str]

    def __init__(self, kubeconfig: str) -> None:
        Api.asked = [kubeconfig]

    def get(self, path: str, **query: str) -> dict[str, Any]:
        Api.asked.append(" ".join([path, *query.values()]))
        return {"items": [pod("notebook", "gpu-1")] if path.endswith("pods") else [node("gpu-1", None)]}


@pytest.mark.parametrize("pods", [True, False])
def test_the_module_asks_once_for_each_kind(
    pods: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kubernetes_gpus_info, "Kubernetes", Api)
    with patch_module_args({"kubeconfig": "/its/kubeconfig", "pods": pods}), pytest.raises(SystemExit):
        kubernetes_gpus_info.main()
    told = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in told["nodes"]] == ["gpu-1"]
    assert [one["name"] for one in told["pods"]] == ["notebook"] * pods
    running = "/api/v1/pods spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"
    assert Api.asked == ["/its/kubeconfig", "/api/v1/nodes", *[running] * pods]
