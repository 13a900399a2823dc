"""Etcd's quorum, static pods, ranges, certificates and status, as pure functions."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay import etcd, status
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.certificates import (
    days_left,
    embedded,
    parse_end,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import parse_kubeconfig
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.etcd import (
    UNSETTLED,
    Etcd,
    EtcdError,
    Member,
    find_member,
    objection,
    parse_members,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.images import Image, missing, parse_list
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.networks import (
    control_plane_problems,
    network_problems,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.static_pods import (
    CONFIGURATION,
    annotate,
    annotation,
    outdated,
)


def member(name: str, healthy: bool = True, learner: bool = False) -> Member:
    """Return a member of etcd."""
    return Member(name, name, (f"https://10.0.0.{name[-1]}:2380",), (), learner, healthy)


def test_the_last_member_may_not_leave() -> None:
    assert "last member" in objection([member("c1")], member("c1"))


def test_a_healthy_member_of_three_may_leave() -> None:
    members = [member("c1"), member("c2"), member("c3")]
    assert objection(members, members[0]) == ""


def test_a_dead_member_of_three_may_leave() -> None:
    members = [member("c1"), member("c2"), member("c3", healthy=False)]
    assert objection(members, members[2]) == ""


def test_a_healthy_member_may_not_leave_a_dead_one_behind() -> None:
    members = [member("c1"), member("c2"), member("c3", healthy=False)]
    assert "c3" in objection(members, members[0])


def test_nobody_leaves_without_a_quorum() -> None:
    members = [member("c1"), member("c2", healthy=False), member("c3", healthy=False)]
    assert "no quorum" in objection(members, members[1])


def test_a_learner_may_always_leave() -> None:
    members = [member("c1"), member("c2", healthy=False, learner=True)]
    assert objection(members, members[1]) == ""


def test_a_member_that_never_started_is_found_by_its_address() -> None:
    members = parse_members({"members": [{"ID": "7", "peerURLs": ["https://10.0.0.9:2380"]}]})
    assert find_member(members, "c9", "10.0.0.9") == members[0]
    assert find_member(members, "c9") is None


class Settling(Etcd):
    """An etcd that refuses a change of members some times."""

    def __init__(self, refusals: list[str]) -> None:
        self.refusals = refusals

    def post(self, path: str, body: dict[str, Any], address: str = "") -> dict[str, Any]:
        if self.refusals:
            raise EtcdError(f"etcd at 127.0.0.1 refuses {path}: {self.refusals.pop()}")
        return {}


def test_members_are_changed_once_they_have_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    Settling([UNSETTLED, UNSETTLED]).add("10.0.0.9")
    assert len(pauses) == 2
    with pytest.raises(EtcdError, match="already exists"):
        Settling(["etcdserver: Peer URLs already exists"]).add("10.0.0.9")
    monkeypatch.setattr(etcd, "SETTLED_WITHIN", -1.0)
    with pytest.raises(EtcdError, match="unhealthy cluster"):
        Settling([UNSETTLED, UNSETTLED]).remove(member("c1"))


MANIFEST = "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    a: b\n  name: etcd\nspec: {}\n"


def test_an_annotation_is_added_to_a_manifest_and_replaced_later() -> None:
    once = annotate(MANIFEST, CONFIGURATION, "one")
    twice = annotate(once, CONFIGURATION, "two")
    assert annotation(once, CONFIGURATION) == "one"
    assert annotation(twice, CONFIGURATION) == "two"
    assert twice.count(CONFIGURATION) == 1
    assert (
        annotation(annotate(MANIFEST.replace("  annotations:\n    a: b\n", ""), CONFIGURATION, "x"), CONFIGURATION)
        == "x"
    )


def test_only_pods_that_run_with_other_options_are_outdated() -> None:
    manifests = {"kube-apiserver": annotate(MANIFEST, CONFIGURATION, "new"), "kube-scheduler": MANIFEST}
    wanted = {"kube-apiserver": "new", "kube-scheduler": "new", "not-here": "new"}
    assert outdated(manifests, CONFIGURATION, wanted) == ["kube-scheduler"]


def test_ranges_that_overlap_are_named_with_a_remedy() -> None:
    (problem,) = network_problems({"kubernetes_pod_cidr": "10.96.0.0/12", "kubernetes_service_cidr": "10.96.0.0/16"})
    assert "kubernetes_pod_cidr" in problem
    assert "kubernetes_service_cidr" in problem
    assert "Remedy" in problem


def test_separate_ranges_are_right() -> None:
    ranges = {
        "kubernetes_pod_cidr": "10.244.0.0/16",
        "kubernetes_service_cidr": "10.96.0.0/16",
        "openstack_network_cidr": "",
    }
    assert network_problems(ranges, {"w": "10.64.0.9", "v": "name.example"}) == []


def test_a_host_inside_the_range_of_pods_is_named() -> None:
    (problem,) = network_problems({"kubernetes_pod_cidr": "10.64.0.0/16"}, {"w": "10.64.0.9"})
    assert problem.startswith("w has the address 10.64.0.9")


def test_what_is_no_range_is_named() -> None:
    (problem,) = network_problems({"kubernetes_pod_cidr": "10.244.0.0/99"})
    assert "10.244.0.0/99" in problem


@pytest.mark.parametrize(("count", "right"), [(0, False), (1, True), (2, False), (3, True), (4, False), (5, True)])
def test_an_odd_number_of_control_planes_is_needed(count: int, right: bool) -> None:
    assert (not control_plane_problems([f"c{number}" for number in range(count)])) == right


def test_the_end_of_a_certificate_is_read_from_openssl() -> None:
    end = parse_end("notAfter=Nov  4 07:48:00 2027 GMT\n")
    assert days_left(end, datetime(2027, 11, 3, 7, 0, tzinfo=UTC)) == 1
    assert days_left(end, datetime(2027, 11, 5, 7, 0, tzinfo=UTC)) < 0


def test_a_kubeconfig_may_embed_or_point_to_its_certificate() -> None:
    text = "clusters:\n- cluster:\n    certificate-authority-data: YQ==\n    server: https://127.0.0.1:8443\nusers:\n"
    text += "- user:\n    client-certificate: /p.pem\n    client-key: /p.pem\n"
    access = parse_kubeconfig(text, lambda path: f"content of {path}")
    assert access.authority == "a"
    assert access.certificate == "content of /p.pem"
    assert embedded(text) is None


def test_an_image_is_missing_when_its_tag_names_something_else() -> None:
    present = parse_list("REF TYPE DIGEST SIZE\na/b:1 application/x sha256:1 3\n")
    assert missing([Image("a/b:1", "sha256:1")], present) == []
    assert missing([Image("a/b:1", "sha256:2")], present) == [Image("a/b:1", "sha256:2")]
    assert Image("host:5000/a/b:1", "sha256:2").by_digest == "host:5000/a/b@sha256:2"


def running(name: str, ready: bool = True) -> dict[str, Any]:
    """Return a pod of the system."""
    conditions = [
        {"type": "PodScheduled", "status": "True"},
        {"type": "Ready", "status": str(ready), "message": "not yet"},
    ]
    return {
        "metadata": {"name": name, "namespace": "kube-system"},
        "status": {"phase": "Running", "conditions": conditions},
    }


def test_a_pod_that_does_not_run_is_named_with_its_reason() -> None:
    (check,) = status.pod_checks([running("a"), running("b", ready=False)], ["kube-system"])
    assert not check["ok"]
    assert check["detail"] == "kube-system/b not yet"


def test_a_node_without_a_probe_pod_is_a_failure() -> None:
    checks = status.probe_checks({"a": {"dns": [True, "x"], "service": [True, "y"]}}, ["a", "b"])
    assert [check["ok"] for check in checks] == [True, True, False, False]


def test_an_undeclared_node_is_a_failure() -> None:
    checks = status.node_checks([{"metadata": {"name": "stranger"}, "status": {}}], [], "1.37.2")
    assert "stranger" in checks[-1]["detail"]


def test_a_control_plane_that_is_no_member_of_etcd_is_a_failure() -> None:
    (check,) = status.etcd_checks([member("c1")], ["c1", "c2"])
    assert check["detail"] == "c2 is not a member"


def test_only_a_kubelets_latest_request_counts() -> None:
    def request(user: str, time: str, certificate: str) -> dict[str, Any]:
        spec = {"signerName": "kubernetes.io/kubelet-serving", "username": user}
        return {"metadata": {"creationTimestamp": time}, "spec": spec, "status": {"certificate": certificate}}

    (check,) = status.request_checks([request("w", "1", ""), request("w", "2", "PEM")])
    assert check["ok"]
