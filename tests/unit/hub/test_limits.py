"""How many GPUs the sessions of a group may hold together."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from hub.choices import Choice, ChoiceError, Team
from hub.limits import CHARGED, SESSION, Limits

from tests.unit.hub.samples import SLICE, pod, settings

TEAM = Team(20001, "theory")
SITE = settings()
WITH_GPU = Choice(SITE.images[0], SITE.sizes[0], SLICE, TEAM)
WITHOUT = Choice(SITE.images[0], SITE.sizes[0], None, TEAM)
MIG = {"nvidia.com/mig-1g.5gb": 1}


def session(name: str) -> dict[str, object]:
    return pod(name, "gpu-1", MIG, labels={SESSION: "interactive", CHARGED: "20001"})


def test_twenty_that_start_at_once_get_what_there_is() -> None:
    limits, begun, refused = Limits({"theory": 3}), 0, 0
    with ExitStack() as stack:
        for number in range(20):
            try:
                stack.enter_context(limits.reserved(f"user-{number}", WITH_GPU, []))
                begun += 1
            except ChoiceError:
                refused += 1
    assert (begun, refused) == (3, 17)


def test_a_pod_and_its_own_reservation_count_once() -> None:
    limits = Limits({"theory": 2})
    with limits.reserved("user-1", WITH_GPU, []):
        assert limits.held([session("user-1")]) == {20001: 1}


def test_who_starts_again_is_not_counted_twice() -> None:
    with Limits({"theory": 1}).reserved("user-1", WITH_GPU, [session("user-1")]):
        pass


def test_a_session_without_gpu_is_always_had_and_the_refusal_says_so() -> None:
    limits = Limits({"theory": 1})
    with limits.reserved("user-2", WITHOUT, [session("user-1")]):
        pass
    with (
        pytest.raises(ChoiceError, match=r"theory holds 1 of the 1 GPUs.*without GPU"),
        limits.reserved("user-2", WITH_GPU, [session("user-1")]),
    ):
        pass
