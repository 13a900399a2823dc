"""A machine that cannot become the lab is told so, all of it at once, before anything is changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab import cli, cloud, requirements
from lab.requirements import GIB, Machine, problems

FIT = Machine(
    user=0,
    system=("debian", "12"),
    processors=2,
    memory=20 * GIB,
    state_free=40 * GIB,
    cache_free=40 * GIB,
    state_used=0,
    cache_used=0,
    same_disk=True,
)


def test_a_fit_machine_has_no_problem() -> None:
    assert problems(FIT) == []


@pytest.mark.parametrize(
    ("change", "found", "needed"),
    [
        ({"user": 1000}, "1000", "0 is needed"),
        ({"system": ("ubuntu", "24.04")}, "ubuntu 24.04", "debian 12 is needed"),
        ({"processors": 1}, "1 processor", "2 are needed"),
        ({"memory": 4 * GIB}, "4.0 GiB of memory", "10 GiB are needed"),
        ({"state_free": 20 * GIB}, "20.0 GiB free", "27.0 GiB are needed"),
    ],
)
def test_a_problem_says_what_was_found_what_is_needed_and_the_remedy(
    change: dict[str, object], found: str, needed: str
) -> None:
    (problem,) = problems(replace(FIT, **change))  # type: ignore[arg-type]
    assert found in problem
    assert needed in problem
    assert ":" in problem


def test_all_problems_are_reported_at_once() -> None:
    assert len(problems(replace(FIT, user=1, memory=GIB, state_free=GIB, processors=1))) == 4


def test_what_is_cached_already_need_not_be_free_again() -> None:
    tight = replace(FIT, state_free=16 * GIB, cache_free=16 * GIB)
    assert problems(tight)
    assert problems(replace(tight, cache_used=11 * GIB)) == []


def test_two_disks_are_judged_each_for_itself() -> None:
    apart = replace(FIT, same_disk=False, state_free=16 * GIB, cache_free=2 * GIB)
    (problem,) = problems(apart)
    assert "2.0 GiB free" in problem
    assert "12.0 GiB are needed" in problem


def test_the_system_is_read_from_os_release() -> None:
    assert requirements.system_of('PRETTY_NAME="Debian"\nID=debian\nVERSION_ID="12"\n') == ("debian", "12")
    assert requirements.system_of("") == ("unknown", "")


def test_up_refuses_an_unfit_machine_before_it_changes_anything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forbidden(**_: object) -> None:
        raise AssertionError("a plan was made for an unfit machine")

    monkeypatch.setattr(requirements, "inspect", lambda: replace(FIT, memory=GIB, state_free=GIB))
    monkeypatch.setattr(cloud, "plan", forbidden)
    monkeypatch.setattr(cloud, "recover", forbidden)
    assert cli.up(cli.Progress(lambda line: None)) == 2
    said = capsys.readouterr().err
    assert "GiB of memory" in said
    assert "GiB free" in said
