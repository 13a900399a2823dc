"""One cluster on guests of its own for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import package_proxy
from lab.alone import alone
from lab.chaos.__main__ import LOCK
from lab.chaos.cluster import ChaosError, Cluster

FIRST: dict[str, object] = {
    "postgresql_databases": [{"name": "first", "owner": "first", "extensions": ["pgcrypto"]}],
    "postgresql_users": [{"name": "first", "member_of": ["pg_monitor"]}],
}


@pytest.fixture(scope="package")
def booted(host_packages: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three guests with nothing on them, and one for the backups; they are to have a database from the beginning."""
    cluster = Cluster(tmp_path_factory.mktemp("postgresql") / "site", options=FIRST, backups=True)
    with alone(LOCK, ChaosError("other rounds run on this machine")), package_proxy.for_guests():
        cluster.remove()
        try:
            cluster.boot()
            yield cluster
        finally:
            cluster.remove()


@pytest.fixture(scope="package")
def checked(booted: Cluster) -> str:
    """What check mode said of hosts with nothing on them."""
    return booted.configure("--check", "--diff")


@pytest.fixture(scope="package")
def cluster(booted: Cluster, checked: str) -> Cluster:
    """The cluster, well, with the tables of the writers."""
    booted.configure()
    booted.prepare()
    return booted
