"""The lab's shared filesystem: hosts and pods see each other's writes, and a lost storage host is made anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.platform.gpus import running
from tests.platform.network import IMAGE
from tests.platform.site import Lab
from tests.platform.subjects import HOST, STORAGE
from tests.support import eventually

NODES = ("worker-1", "gpu-t4-1")
PLACE = "/shared/homes/trial"
LOST = "storage-2"

pytestmark = [
    pytest.mark.rotation("lab-storage", *HOST, *STORAGE, "tests/platform/test_shared_filesystem.py"),
    pytest.mark.duration(180),
]


@pytest.fixture
def place(lab: Lab) -> Iterator[str]:
    """A folder for the user of pods."""
    lab.ssh(NODES[0]).check_output(f"install -d -m 0700 -o 65532 -g 65532 {PLACE}")
    yield PLACE
    lab.ssh(NODES[0]).check_output(f"rm -r {PLACE}")


def volume() -> list[dict[str, Any]]:
    """A volume and a claim of PLACE."""
    size, classless = {"storage": "1Gi"}, {"storageClassName": "", "accessModes": ["ReadWriteMany"]}
    given = {"hostPath": {"path": PLACE, "type": "Directory"}, "capacity": size, **classless}
    wanted = {"volumeName": "trial", "resources": {"requests": size}, **classless}
    return [
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "trial"}, "spec": given},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "trial"}, "spec": wanted},
    ]


def pod(node: str) -> dict[str, Any]:
    """A pod on a node that has the claim at /data."""
    container = {
        "name": "main",
        "image": IMAGE,
        "command": ["sleep", "infinity"],
        "volumeMounts": [{"name": "data", "mountPath": "/data", "mountPropagation": "HostToContainer"}],
    }
    spec = {
        "containers": [container],
        "nodeSelector": {"kubernetes.io/hostname": node},
        "securityContext": {"runAsUser": 65532, "runAsGroup": 65532},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "terminationGracePeriodSeconds": 1,
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "trial"}}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"trial-{node}"}, "spec": spec}


def ceph(lab: Lab, *words: str) -> Any:
    """What the cluster answers to its administrator."""
    return json.loads(lab.ssh("storage-1").check_output(f"ceph --connect-timeout 10 --format json {' '.join(words)}"))


def test_two_hosts_see_each_others_writes(lab: Lab, place: str) -> None:
    one, other = (lab.ssh(node) for node in NODES)
    one.check_output(f"echo one >{place}/file && sync {place}/file")
    assert other.check_output(f"cat {place}/file") == "one"
    other.check_output(f"echo other >>{place}/file")
    assert one.check_output(f"cat {place}/file") == "one\nother"


def test_two_pods_on_different_nodes_see_each_others_writes(lab: Lab, place: str) -> None:
    lab.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": volume()}))
    try:
        with running(lab, [pod(node) for node in NODES]) as (one, other):
            lab.kubectl("exec", one, "--", "sh", "-c", "echo one >/data/file")
            assert lab.kubectl("exec", other, "--", "cat", "/data/file") == "one\n"
            lab.kubectl("exec", other, "--", "sh", "-c", "echo other >>/data/file")
            assert lab.kubectl("exec", one, "--", "cat", "/data/file") == "one\nother\n"
    finally:
        lab.kubectl("delete", "persistentvolumeclaim/trial", "persistentvolume/trial")


def test_a_storage_host_that_was_lost_is_made_anew_and_has_what_it_held(mended: Lab, place: str) -> None:
    client = mended.ssh(NODES[0])
    sum_ = client.check_output(
        f"head -c 32M /dev/urandom >{place}/large && sync {place}/large && sha256sum {place}/large"
    )
    osds = ceph(mended, "osd", "tree")["nodes"]
    server = mended.tenant.compute.find_server(LOST, ignore_missing=False)
    mended.tenant.compute.delete_server(server)
    mended.tenant.compute.wait_for_delete(server)
    # Where it served, another host's takes over: within 15 s, and 45 more for clients that were on the lost one.
    assert client.check_output(f"timeout 150 sha256sum {place}/large") == sum_
    mended.site()
    eventually(lambda: ceph(mended, "health")["status"] == "HEALTH_OK", 120, "the cluster is healthy")
    assert [node["name"] for node in ceph(mended, "osd", "tree")["nodes"]] == [node["name"] for node in osds]
    assert LOST in ceph(mended, "quorum_status")["quorum_names"]
    assert client.check_output(f"timeout 60 sha256sum {place}/large") == sum_
