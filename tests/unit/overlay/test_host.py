"""How far a host is, and what kubeadm does about it, are pure functions of what is found."""

from __future__ import annotations

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.host import (
    Observation,
    Package,
    classify,
    installed,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.kubeadm import decide, repair_of

CLEAN = Observation()
WORKER = Observation(kubelet_kubeconfig=True, node="present")
CONTROL_PLANE = Observation(
    kubelet_kubeconfig=True, manifests=("etcd", "kube-apiserver"), etcd_data=True, api=True, node="present"
)
FORGOTTEN = Observation(kubelet_kubeconfig=True, node="absent")
HALF_BEGUN = Observation(unfinished="init", manifests=("etcd", "kube-apiserver"), etcd_data=True)
HALF_JOINED = Observation(unfinished="join", kubelet_kubeconfig=False, manifests=("etcd",))
LOST = Observation(manifests=("etcd",), etcd_data=True)


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (CLEAN, "clean"),
        (WORKER, "member"),
        (CONTROL_PLANE, "member"),
        (FORGOTTEN, "stale"),
        (HALF_BEGUN, "unfinished"),
        (HALF_JOINED, "unfinished"),
        (LOST, "leftover"),
    ],
)
def test_a_host_has_the_state_that_its_files_and_the_api_say(seen: Observation, state: str) -> None:
    assert classify(seen) == state


def test_a_member_whose_api_does_not_answer_stays_a_member() -> None:
    assert classify(Observation(kubelet_kubeconfig=True, node="unknown")) == "member"


@pytest.mark.parametrize("action", ["init", "join"])
def test_a_clean_host_is_begun_or_joined(action: str) -> None:
    assert decide(action, True, CLEAN).step == "run"


@pytest.mark.parametrize("seen", [WORKER, CONTROL_PLANE])
def test_a_member_is_left_alone(seen: Observation) -> None:
    assert decide("join", seen.control_plane, seen).step == "nothing"


def test_what_an_interrupted_init_left_is_reset() -> None:
    assert decide("init", True, HALF_BEGUN).step == "reset_and_run"


def test_a_join_that_was_interrupted_after_its_end_is_accepted() -> None:
    seen = Observation(unfinished="join", kubelet_kubeconfig=True, node="present")
    assert decide("join", False, seen).step == "finish"


def test_a_control_plane_whose_join_was_interrupted_before_its_api_answers_is_reset() -> None:
    seen = Observation(unfinished="join", kubelet_kubeconfig=True, manifests=("kube-apiserver",), node="present")
    assert decide("join", True, seen).step == "reset_and_run"


def test_a_forgotten_worker_is_reset_and_joined() -> None:
    assert decide("join", False, FORGOTTEN).step == "reset_and_run"


@pytest.mark.parametrize("seen", [LOST, Observation(kubelet_kubeconfig=True, node="foreign", etcd_data=True)])
@pytest.mark.parametrize("action", ["init", "join"])
def test_data_of_etcd_that_no_interrupted_run_left_is_never_destroyed(seen: Observation, action: str) -> None:
    assert decide(action, True, seen).step == "refuse"


def test_data_of_etcd_is_destroyed_when_the_administrator_says_so() -> None:
    assert decide("join", True, LOST, reset_allowed=True).step == "reset_and_run"


def test_a_clean_host_needs_no_reset() -> None:
    assert not decide("reset", False, CLEAN).changes


@pytest.mark.parametrize(("seen", "step"), [(CLEAN, "nothing"), (HALF_BEGUN, "reset")])
def test_a_repair_resets_and_begins_nothing(seen: Observation, step: str) -> None:
    assert repair_of(decide("init", True, seen)).step == step


def test_only_packages_that_are_installed_count() -> None:
    status = (
        "Package: haproxy\nStatus: install ok installed\nVersion: 3.0\n\n"
        "Package: runc\nStatus: deinstall ok config-files\nVersion: 1.1\n\n"
        "Package: libcuda1\nStatus: hold ok installed\nDescription: CUDA\n Version: none\nVersion: 550.163.01-2\n"
    )
    assert installed(status) == {"haproxy": Package("3.0", False), "libcuda1": Package("550.163.01-2", True)}


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (WORKER, "member"),
        (HALF_JOINED, "clean"),
        (Observation(unfinished="join", kubelet_kubeconfig=True, node="present"), "member"),
    ],
)
def test_a_repair_says_how_far_the_host_is_afterwards(seen: Observation, state: str) -> None:
    assert repair_of(decide("join", False, seen)).state == state
