"""Guests that end are seen, by how they ended."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest

from lab.drivers.nova import watcher

GUEST = SimpleNamespace(uuid="u", name="g", container="lab-g")


class World:
    """One guest that runs or has ended with a code."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.running = True
        self.code: int | None = None
        self.booted: list[str] = []
        self.reported: list[str] = []
        monkeypatch.setattr(watcher.guests, "known", lambda _owner: [GUEST])
        monkeypatch.setattr(watcher.guests, "load", lambda _uuid: GUEST)
        monkeypatch.setattr(watcher.guests, "is_running", lambda _guest: self.running)
        monkeypatch.setattr(watcher.guests, "start", lambda guest, _arm: self.booted.append(guest.uuid))
        monkeypatch.setattr(watcher.podman, "settle", lambda _name: True)
        monkeypatch.setattr(watcher.podman, "exit_code", lambda _name: self.code)
        self.watcher = watcher.Watcher("host", lambda _uuid: contextlib.nullcontext(), self.reported.append)

    def end(self, code: int) -> None:
        """Let the guest end."""
        self.running, self.code = False, code


@pytest.fixture(name="world")
def _world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_a_guest_that_rebooted_itself_is_booted(world: World) -> None:
    world.watcher.look()
    world.end(watcher.REBOOTED)
    world.watcher.look()
    assert (world.booted, world.reported) == (["u"], [])


@pytest.mark.parametrize("code", [0, 130, 137])
def test_a_guest_that_ended_otherwise_is_reported_once(world: World, code: int) -> None:
    world.watcher.look()
    world.end(code)
    world.watcher.look()
    world.watcher.look()
    assert (world.booted, world.reported) == ([], ["u"])


def test_a_guest_that_was_dead_before_the_watch_is_left_to_nova(world: World) -> None:
    world.end(137)
    world.watcher.look()
    assert (world.booted, world.reported) == ([], [])
