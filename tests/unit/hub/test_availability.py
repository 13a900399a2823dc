"""What is free of a kind of GPU, and in which words it is told."""

from __future__ import annotations

import pytest
from hub.availability import Available, available, words

from tests.unit.hub.samples import SLICE, T4, node, pod

MIG = "nvidia.com/mig-1g.5gb"


def test_sessions_hold_and_batch_gives_way() -> None:
    nodes = [node("gpu-1", {MIG: 7})]
    pods = [
        pod("a", "gpu-1", {MIG: 1}),
        pod("b", "gpu-1", {MIG: 2}, "batch-lowest"),
        pod("c", "gpu-1", {"nvidia.com/gpu": 1}),
    ]
    now = available(SLICE, nodes, pods)
    assert (now.offered, now.held, now.batch, now.free, now.possible) == (7, 1, 2, 4, 6)


def test_only_nodes_of_the_kind_that_can_be_used_count() -> None:
    labels = {"nvidia.com/gpu.product": "Tesla-T4"}
    nodes = [
        node("t4", {"nvidia.com/gpu": 8}, labels),
        node("rtx", {"nvidia.com/gpu": 5}, {"nvidia.com/gpu.product": "Quadro-RTX-5000"}),
        node("going", {"nvidia.com/gpu": 8}, labels, unschedulable=True),
    ]
    pods = [pod("a", "rtx", {"nvidia.com/gpu": 5}), pod("b", "going", {"nvidia.com/gpu": 1})]
    assert available(T4, nodes, pods) == Available(8, 0, 0)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (Available(7, 1, 2), "4 of 7 free"),
        (Available(7, 4, 3), "3 of 7 in use by batch, freed in seconds"),
        (Available(7, 7, 0), "all 7 in use by sessions"),
        (Available(0, 0, 0), "none offered now"),
    ],
)
def test_what_is_told(now: Available, said: str) -> None:
    assert words(now) == said
