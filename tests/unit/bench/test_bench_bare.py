"""The commands by hand are whole, and follow the lock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.bench import bare, images
from lab.bench.guests import BenchError
from lab.bench.mirrors import Mirrors

HASH = "a" * 64
LOCK: dict[str, dict[str, Any]] = {
    "kubelet": {"kind": "file", "address": "https://dl.k8s.io/v{version}/kubelet", "versions": ["1.37.2", "1.36.3"]},
    "etcd": {
        "kind": "image",
        "address": "registry.k8s.io/etcd:{version}",
        "versions": ["3.7.0-0", "3.6.8-0"],
        "kubernetes": {"1.36.3": "3.6.8-0"},
    },
    "flannel": {"kind": "image", "address": "ghcr.io/flannel:v{version}", "versions": ["0.28.10"]},
}


@pytest.mark.parametrize(
    "text",
    [
        f"…\nkubeadm join 10.0.0.1:6443 --token abc.def --discovery-token-ca-cert-hash sha256:{HASH} \n",
        f"…\nkubeadm join 10.0.0.1:6443 --token abc.def \\\n\t--discovery-token-ca-cert-hash sha256:{HASH} \n",
    ],
)
def test_the_join_command_is_found_in_what_kubeadm_prints(text: str) -> None:
    found = bare.join_command(text)
    assert found == f"kubeadm join 10.0.0.1:6443 --token abc.def --discovery-token-ca-cert-hash sha256:{HASH}"


def test_a_missing_join_command_is_an_error() -> None:
    with pytest.raises(BenchError, match="no join command"):
        bare.join_command("error execution phase preflight")


def test_a_script_with_an_unfilled_place_is_an_error() -> None:
    with pytest.raises(BenchError, match="@"):
        bare.fill("join.sh", JOIN="kubeadm join")


def test_every_host_downloads_what_the_lock_names(tmp_path: Path) -> None:
    script = bare.Bare(tmp_path, Mirrors("192.0.2.1"), "1.36.3").prepare_script()
    for name in ("kubeadm", "kubelet", "kubectl"):
        assert f"http://192.0.2.1:8080/dl.k8s.io/v1.36.3/bin/linux/amd64/{name}" in script
    assert 'server = "http://192.0.2.1:5050/v2/registry.k8s.io"' in script


def test_images_have_the_version_that_goes_with_kubernetes() -> None:
    assert images.addresses(LOCK, "1.36.3", "image") == {
        "etcd": "registry.k8s.io/etcd:3.6.8-0",
        "flannel": "ghcr.io/flannel:v0.28.10",
    }
    assert images.addresses(LOCK, "1.36.3", "file") == {"kubelet": "https://dl.k8s.io/v1.36.3/kubelet"}
    assert images.default_kubernetes(LOCK) == "1.37.2"
