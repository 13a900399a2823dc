"""GPU hosts: real nvidia-smi and device plugin over simulated cards, cut as declared and offered by Kubernetes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.platform.network import IMAGE
from tests.platform.site import Lab
from tests.support import eventually

HOST = "gpu-a100-1"
SLICE = "nvidia.com/mig-1g.5gb"
CARDS: dict[str, Any] = {
    "openstack_server_flavor": "gpu.a100x1",
    "gpu_model": "A100-40GB",
    "gpu_count": 1,
    "gpu_layout": "all-1g.5gb",
}
GROUPS = {
    "all": {
        "children": {
            "kubernetes": {"children": {"kube_worker": {"children": {"gpu": None}}}},
            "gpu": {"hosts": {HOST: CARDS}},
        }
    }
}
pytestmark = [
    pytest.mark.rotation("gpu", "roles/nvidia", "roles/kubernetes_gpu", "playbooks/gpu", "lab/gpu", "plugins/"),
    pytest.mark.duration(240),
]


@pytest.fixture(scope="module")
def site(raised: Lab) -> Iterator[Path]:
    """The lab's site with one more host, whose one A100 is cut in seven; the host is removed at the end."""
    with raised.inventory_copy(GROUPS) as inventory:
        try:
            raised.site(inventory)
            yield inventory
        finally:
            raised.playbook("remove_node", inventory=inventory, extra={"node": HOST}).assert_ok()
            raised.site()
            raised.assert_ok()


def allocatable(lab: Lab) -> dict[str, int]:
    """Return what the node offers of NVIDIA's resources."""
    node = json.loads(lab.kubectl("get", "node", HOST, "-o", "json"))
    found = {name: int(number) for name, number in node["status"]["allocatable"].items() if "nvidia" in name}
    return {name: number for name, number in found.items() if number}


def pod(name: str) -> dict[str, Any]:
    """Return a pod that holds one slice."""
    container = {
        "name": "main",
        "image": IMAGE,
        "command": ["sleep", "infinity"],
        "resources": {"limits": {SLICE: 1}},
    }
    spec = {
        "containers": [container],
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "terminationGracePeriodSeconds": 0,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def test_the_node_offers_the_declared_slices(raised: Lab, site: Path) -> None:
    eventually(lambda: allocatable(raised) == {SLICE: 7}, 60, "seven slices are allocatable")
    listed = raised.ssh(HOST, site).check_output("nvidia-smi -L")
    assert len(re.findall(r"MIG 1g\.5gb .*\(UUID: MIG-", listed)) == 7, listed


def test_a_second_run_changes_nothing(raised: Lab, site: Path) -> None:
    raised.playbook("site", inventory=site).assert_unchanged()


def test_each_pod_sees_its_own_slice_and_no_other(raised: Lab, site: Path) -> None:
    names = [f"slice-{number}" for number in range(7)]
    pods = {"apiVersion": "v1", "kind": "List", "items": [pod(name) for name in names]}
    raised.kubectl("apply", "-f", "-", stdin=json.dumps(pods))
    try:
        raised.kubectl("wait", "--for=condition=Ready", "--timeout=60s", *(f"pod/{name}" for name in names))
        seen = [
            re.findall(r"MIG-[0-9a-f-]{36}", raised.kubectl("exec", name, "--", "nvidia-smi", "-L")) for name in names
        ]
        assert [len(uuids) for uuids in seen] == [1] * 7, seen
        listed = re.findall(r"MIG-[0-9a-f-]{36}", raised.ssh(HOST, site).check_output("nvidia-smi -L"))
        assert sorted(uuid for uuids in seen for uuid in uuids) == sorted(listed)
    finally:
        raised.kubectl("delete", "pods", "--wait=true", *names)
