"""Phases run as early as they may, say what they did, and a failure is named."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import cloud, phases, timings
from lab.phases import Phase, PlanError, Progress, execute


@pytest.fixture(autouse=True)
def no_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the times of these phases out of a raised lab's record."""
    monkeypatch.setattr(timings, "PATH", tmp_path / "timings.json")


def quiet() -> Progress:
    return Progress(lambda line: None)


def phase(name: str, *after: str, action: Callable[[], str | None] = lambda: None) -> Phase:
    return Phase(name, name, lambda say: action(), after)


def test_a_phase_runs_after_its_predecessors() -> None:
    order: list[str] = []
    plan = [
        phase("last", "middle", action=lambda: order.append("last")),
        phase("middle", "first", action=lambda: order.append("middle")),
        phase("first", action=lambda: order.append("first")),
    ]
    assert set(execute(plan, quiet())) == {"first", "middle", "last"}
    assert order == ["first", "middle", "last"]


def test_phases_that_do_not_wait_for_each_other_overlap() -> None:
    meeting = threading.Barrier(2, timeout=5)
    execute(
        [phase("one", action=lambda: str(meeting.wait())), phase("two", action=lambda: str(meeting.wait()))], quiet()
    )


def test_a_failure_names_its_phase_and_starts_nothing_more() -> None:
    def broken() -> str | None:
        raise OSError("no space left")

    with pytest.raises(PlanError, match="build failed: no space left"):
        execute([phase("build", action=broken), phase("serve", "build", action=pytest.fail)], quiet())


def test_every_phase_and_its_remark_is_one_line() -> None:
    lines: list[str] = []
    execute([phase("fabric", action=lambda: "made")], Progress(lines.append))
    assert lines[0].endswith("fabric: made")
    assert "(1/1) fabric" in lines[1]


def test_a_plan_that_cannot_end_is_refused() -> None:
    with pytest.raises(ValueError, match="wait for one another: a, b"):
        phases.check([phase("a", "b"), phase("b", "a")])
    with pytest.raises(ValueError, match="unknown ones: nothing"):
        phases.check([phase("a", "nothing")])


@pytest.mark.parametrize("artifacts", [True, False])
def test_the_plan_of_the_cloud_can_end(artifacts: bool) -> None:
    phases.check(cloud.plan(artifacts=artifacts))


def test_the_cloud_alone_builds_and_serves_no_artifacts() -> None:
    names = {each.name for each in cloud.plan(artifacts=False)}
    assert not names & cloud.ARTIFACT_PHASES
    assert "offer" in names
