"""One cluster on guests of its own for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import package_proxy
from lab.alone import alone
from lab.storage.cluster import BUSY, LOCK, Storage


@pytest.fixture(scope="package")
def booted(host_packages: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """Two guests with nothing on them but their disks."""
    storage = Storage(tmp_path_factory.mktemp("storage") / "site")
    with alone(LOCK, BUSY), package_proxy.for_guests():
        storage.remove()
        try:
            storage.boot()
            yield storage
        finally:
            storage.remove()


@pytest.fixture(scope="package")
def foreseen(booted: Storage) -> str:
    """What check mode said of hosts with nothing on them."""
    return booted.converge("--check", "--diff")


@pytest.fixture(scope="package")
def storage(booted: Storage, foreseen: str) -> Storage:
    """The cluster, healthy."""
    booted.converge()
    booted.wait_until_well()
    return booted
