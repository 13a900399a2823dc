"""A run with a deadline begins nothing that it could not end."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from tests import conftest


def item(config: Any, seconds: float, *fixtures: str) -> Any:
    markers = [SimpleNamespace(args=(seconds,))]
    return SimpleNamespace(nodeid="a test", iter_markers=lambda name: markers, fixturenames=fixtures, config=config)


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A run that began just now and has 1300 s."""
    monkeypatch.setenv("CI_DEADLINE_S", "1300")
    monkeypatch.setattr(conftest, "STARTED", time.monotonic())
    stash = pytest.Stash()
    stash[conftest.NOT_RUN], stash[conftest.RAISED] = [], False
    return SimpleNamespace(stash=stash)


def skipped(config: Any, seconds: float, *fixtures: str) -> bool:
    try:
        conftest.pytest_runtest_setup(item(config, seconds, *fixtures))
    except pytest.skip.Exception:
        return True
    return False


def test_a_test_that_takes_longer_than_what_is_left_is_named(config: Any) -> None:
    assert not skipped(config, 1200)
    assert skipped(config, 1400)
    assert config.stash[conftest.NOT_RUN] == ["a test (needs 1400 s, 1300 s are left)"]


def test_the_first_test_in_the_lab_needs_time_to_raise_it(config: Any) -> None:
    assert skipped(config, 200, "raised")
    assert not skipped(config, 60, "raised")
    assert not skipped(config, 200, "raised")
