"""One lab for the whole run: raised once, and every fault test returns it to `status ok`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.site import raise_lab
from tests.platform.site import Lab


@pytest.fixture(scope="session")
def raised() -> Lab:
    """The lab, raised as `make lab` does it."""
    assert raise_lab(None) == 0
    return Lab()


@pytest.fixture
def lab(raised: Lab) -> Lab:
    """The lab, for tests that leave it as they found it."""
    return raised


@pytest.fixture
def mended(raised: Lab) -> Iterator[Lab]:
    """The lab, for tests that break something: it is converged and proven healthy afterwards."""
    yield raised
    raised.site()
    raised.assert_ok()
