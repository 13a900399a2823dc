"""Guests with simulated cards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.gpu import build, nvidia_smi
from tests.unit.gpu.guest import Guest


@pytest.fixture(scope="session")
def driver() -> Path:
    return build.ensure()


@pytest.fixture(scope="session")
def program() -> Path:
    return nvidia_smi.ensure()


@pytest.fixture
def start(tmp_path: Path, driver: Path, program: Path) -> Iterator[Callable[..., Guest]]:
    """Start a guest with cards of these models."""
    guests: list[Guest] = []

    def body(*models: str, passthrough: bool = False) -> Guest:
        guests.append(Guest(tmp_path / f"guest-{len(guests)}", driver, program, models, passthrough))
        return guests[-1]

    yield body
    for guest in guests:
        guest.close()


@pytest.fixture
def a100(start: Callable[..., Guest]) -> Guest:
    """A guest with one A100 in MIG mode, without instances."""
    guest = start("A100-40GB")
    guest.smi("-mig", "1")
    return guest
