"""One provider for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.iam.canaille import Canaille


@pytest.fixture(scope="package")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canaille]:
    """A provider with nobody in it."""
    found = Canaille(tmp_path_factory.mktemp("iam"), "127.0.0.1", 9443)
    found.install()
    found.start()
    try:
        yield found
    finally:
        found.stop()
