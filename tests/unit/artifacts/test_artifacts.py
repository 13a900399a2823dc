"""The lock and the digest files, as the lookup reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.module_utils.artifacts import ArtifactError, artifacts, describe, digest_of, file_url, find

ROOT = Path(__file__).resolve().parents[3]
LOCK: dict[str, Any] = yaml.safe_load((ROOT / "roles/artifact/files/lock.yml").read_text())
DIGEST = "sha256:" + "a" * 64


def test_every_artifact_of_the_lock_has_a_kind_an_address_and_versions() -> None:
    for item in artifacts(LOCK):
        assert item.kind in ("file", "image")
        assert item.version in item.address
        assert item.address.startswith("https://") != item.is_image
        assert not (item.is_image and item.checksum)


def test_no_two_artifacts_of_the_lock_share_an_address() -> None:
    addresses = [item.address for item in artifacts(LOCK)]
    assert len(addresses) == len(set(addresses))


def test_default_versions_come_before_the_others() -> None:
    order = [(item.name, item.version) for item in artifacts(LOCK)]
    assert order.index(("probe", "0.1.0")) < order.index(("kubeadm", "1.36.3"))
    assert order[0] == ("kubeadm", "1.37.2")


def test_the_others_are_left_out_where_they_are_not_wanted() -> None:
    wanted = {item.name: item.version for item in artifacts(LOCK, others=False)}
    assert len(wanted) == len(artifacts(LOCK, others=False))
    assert wanted["kubeadm"] == "1.37.2"
    assert wanted.keys() == {item.name for item in artifacts(LOCK)}


def test_the_first_version_is_the_default() -> None:
    assert find(LOCK, "kubelet").version == "1.37.2"


def test_a_leading_v_of_a_version_is_ignored() -> None:
    assert find(LOCK, "kubelet", "v1.36.3") == find(LOCK, "kubelet", "1.36.3")


@pytest.mark.parametrize(
    ("name", "kubernetes", "version"),
    [("etcd", "1.37.2", "3.7.0-0"), ("etcd", "v1.36.3", "3.6.8-0"), ("kubelet", "1.36.3", "1.36.3"),
     ("flannel", "1.36.3", "0.28.10")],
)  # fmt: skip
def test_a_kubernetes_version_chooses_what_goes_with_it(name: str, kubernetes: str, version: str) -> None:
    assert find(LOCK, name, kubernetes=kubernetes).version == version


def test_an_unknown_name_lists_the_names_there_are() -> None:
    with pytest.raises(ArtifactError, match=r"no artifact 'kublet'; it has: .*kubelet"):
        find(LOCK, "kublet")


def test_an_unknown_version_lists_the_versions_and_the_remedy() -> None:
    with pytest.raises(
        ArtifactError, match=r"no version '1\.30\.0' of kubelet; it has: 1\.37\.2, 1\.36\.3.*make lock-upstream"
    ):
        find(LOCK, "kubelet", "1.30.0")


def test_an_unknown_kubernetes_version_is_an_error_of_its_companions() -> None:
    with pytest.raises(ArtifactError, match=r"which etcd goes with Kubernetes 1\.30\.0; it knows: 1\.37\.2"):
        find(LOCK, "etcd", kubernetes="1.30.0")


@pytest.mark.parametrize("mirror", ["https:/", "https://", ""])
def test_without_a_mirror_the_url_is_the_upstream_address(mirror: str) -> None:
    assert file_url(mirror, "https://dl.k8s.io/v1/kubelet") == "https://dl.k8s.io/v1/kubelet"


@pytest.mark.parametrize("mirror", ["http://192.0.2.1:8080", "http://192.0.2.1:8080/"])
def test_a_mirror_holds_a_file_below_the_upstream_host(mirror: str) -> None:
    assert file_url(mirror, "https://dl.k8s.io/v1/kubelet") == "http://192.0.2.1:8080/dl.k8s.io/v1/kubelet"


def test_a_missing_digest_names_the_file_and_the_command() -> None:
    with pytest.raises(ArtifactError, match=r"site\.yml has no digest of kubelet 1\.37\.2 .*run `make mirror`"):
        digest_of(find(LOCK, "kubelet"), {"digests": {}}, "site.yml", "run `make mirror`")


@pytest.mark.parametrize("content", [{}, {"digests": None}])
def test_an_empty_digest_file_is_like_a_missing_digest(content: dict[str, Any]) -> None:
    with pytest.raises(ArtifactError, match="has no digest"):
        digest_of(find(LOCK, "kubelet"), content, "site.yml", "run it")


@pytest.mark.parametrize("wrong", ["md5:abc", "sha256:abc", "a" * 64])
def test_a_malformed_digest_is_refused(wrong: str) -> None:
    item = find(LOCK, "kubelet")
    with pytest.raises(ArtifactError, match="which is not sha256: and 64"):
        digest_of(item, {"digests": {item.address: wrong}}, "site.yml", "run it")


def test_a_file_is_described_by_url_and_checksum() -> None:
    said = describe(find(LOCK, "kubelet"), DIGEST, "http://192.0.2.1:8080")
    assert said["url"] == "http://192.0.2.1:8080/dl.k8s.io/v1.37.2/bin/linux/amd64/kubelet"
    assert said["checksum"] == DIGEST
    assert said["upstream"] == "https://dl.k8s.io/v1.37.2/bin/linux/amd64/kubelet"


def test_an_image_is_described_by_tag_and_pinned_by_digest() -> None:
    said = describe(find(LOCK, "coredns"), DIGEST, "http://192.0.2.1:8080")
    assert said["image"] == "registry.k8s.io/coredns/coredns:v1.14.6"
    assert said["pinned"] == f"registry.k8s.io/coredns/coredns@{DIGEST}"
    assert said["tag"] == "v1.14.6"


def test_images_of_our_own_have_the_version_of_the_collection() -> None:
    collection = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    ours = [item for item in artifacts(LOCK) if item.address.startswith("ghcr.io/ai-infn/")]
    assert ours
    assert {item.version for item in ours} == {collection}
