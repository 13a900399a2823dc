"""The end state is judged and compared by what the cluster says, whatever made it."""

from __future__ import annotations

from typing import Any

import pytest

from lab.bench import state

NAMES = ["control", "worker"]


def node(name: str, ready: str = "True", version: str = "v1.37.2") -> dict[str, Any]:
    about = {"kubeletVersion": version, "containerRuntimeVersion": "containerd://1.7.24", "osImage": "Debian"}
    conditions = [{"type": "DiskPressure", "status": "False"}, {"type": "Ready", "status": ready}]
    return {"metadata": {"name": name}, "status": {"nodeInfo": about, "conditions": conditions}}


def coredns(available: int) -> dict[str, Any]:
    pod = {"spec": {"containers": [{"image": "coredns:v1"}]}}
    return {"spec": {"replicas": 2, "template": pod}, "status": {"availableReplicas": available}}


def seen(**more: Any) -> dict[str, Any]:
    found = state.summary([node(name) for name in NAMES], coredns(2))
    return found | {"answers": {name: list(NAMES) for name in NAMES}} | more


def test_a_whole_cluster_has_no_faults() -> None:
    assert state.faults(seen(), NAMES) == []


@pytest.mark.parametrize(
    ("broken", "word"),
    [
        (state.summary([node("control"), node("worker", ready="Unknown")], coredns(2)), "worker is not Ready"),
        (state.summary([node("control")], coredns(2)), "worker is missing"),
        (state.summary([node(name) for name in [*NAMES, "other"]], coredns(2)), "other is a stranger"),
        (state.summary([node(name) for name in NAMES], coredns(1)), "1 of 2 pods"),
        ({"answers": {"control": NAMES, "worker": ["worker"]}}, "from a pod on worker"),
        ({"answers": {"control": NAMES}}, "from a pod on worker"),
    ],
)
def test_each_fault_is_named(broken: dict[str, Any], word: str) -> None:
    faults = state.faults(seen(**broken), NAMES)
    assert len(faults) == 1
    assert word in faults[0]


def test_a_difference_of_versions_is_seen() -> None:
    other = seen(**state.summary([node("control"), node("worker", version="v1.36.3")], coredns(2)))
    assert state.differences(seen(), other) == ["nodes"]
    assert state.differences(seen(), seen()) == []


def test_the_probes_lines_are_read() -> None:
    text = 'control {"seen": ["control", "worker"], "error": ""}\nworker {"seen": [], "error": "timed out"}\n'
    assert state.answers_of(text) == {"control": ["control", "worker"], "worker": []}
