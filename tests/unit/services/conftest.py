"""Makes the services importable, and builds nodes and pods out of network namespaces for the packet tests."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parents[3] / "services"), str(Path(__file__).resolve().parent)]

from enforcement import Enforce, enforce_policies  # noqa: E402
from fabric import NODES, Fabric  # noqa: E402


@pytest.fixture(scope="module")
def fabric(host_packages: None) -> Iterator[Fabric]:
    """Two nodes with two pods each and a host outside the cluster, all in network namespaces."""
    if os.geteuid() != 0 or not shutil.which("nft") or not shutil.which("ip"):
        pytest.skip("packet tests need root, ip and nft")
    built = Fabric()
    try:
        built.raise_all()
        yield built
    finally:
        built.remove()


@pytest.fixture
def enforce(fabric: Fabric) -> Iterator[Enforce]:
    """Return a function that enforces policies on both nodes, which begin without any."""
    enforce_policies(fabric)
    yield partial(enforce_policies, fabric)
    for node in NODES:
        fabric.run(node, "nft", "flush", "ruleset")
