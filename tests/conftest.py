"""Order of the tiers, the deadline of a run, rotation groups and records of runs."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible.plugins.loader import init_plugin_loader

ROOT = Path(__file__).resolve().parent.parent
for _folder in (ROOT, *sorted((ROOT / "services").glob("*"))):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))
from lab import packages  # noqa: E402
from tests import records  # noqa: E402

# Before any test imports ansible_collections: as a plain package of Python it would stay without plugins.
init_plugin_loader([str(ROOT / ".ansible" / "collections")])

TIERS = ("lint", "unit", "sanity", "platform")
"""Folders of tests in the order in which they run: the cheapest answer first."""

STARTED = time.monotonic()
RAISING_S = 1200
"""What it takes to raise the lab, before the first test that needs it."""
NOT_RUN = pytest.StashKey[list[str]]()
RAISED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--everything", action="store_true", help="run every rotation group")
    parser.addoption("--record", action="store_true", help="write what passed at this commit into docs/test-records")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "rotation(group, *paths): runs when a path changed since all tests of the group passed, or in turn"
    )
    config.addinivalue_line("markers", "last: runs after everything else, since it ends the lab")
    config.addinivalue_line("markers", "duration(seconds): time the test needs before the deadline")
    config.stash[NOT_RUN] = []
    config.stash[RAISED] = False


def tier(item: pytest.Item) -> int:
    folder = item.path.relative_to(ROOT / "tests").parts[0]
    return TIERS.index(folder) if folder in TIERS else len(TIERS)


def turn(item: pytest.Item) -> tuple[int, bool, bool, bool]:
    """When a test runs: guests by themselves before the lab, whose load they would share, and its rotation groups late.

    So a deadline that comes too soon leaves out what is in a record or comes in turn.
    """
    marked = [item.get_closest_marker(name) is not None for name in ("last", "rotation")]
    return tier(item), marked[0], "raised" in getattr(item, "fixturenames", ()), marked[1]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=turn)
    groups: dict[str, records.Group] = {}
    for item in items:
        for mark in item.iter_markers("rotation"):
            group = groups.setdefault(mark.args[0], records.Group())
            group.paths.update(mark.args[1:])
            group.tests.add(item.nodeid)
    if config.getoption("--everything") or not groups:
        return
    due = records.due(groups, records.git("rev-parse", "HEAD"))
    left = [item for item in items if any(mark.args[0] not in due for mark in item.iter_markers("rotation"))]
    config.hook.pytest_deselected(items=left)
    config.stash[NOT_RUN] += [f"{item.nodeid} (its rotation group has not its turn)" for item in left]
    items[:] = [item for item in items if item not in left]


@pytest.fixture(scope="session")
def host_packages() -> None:
    """The Debian packages of the lab's host, nftables among them: a fresh machine has none of them."""
    if os.geteuid() == 0:
        packages.ensure()


def pytest_runtest_setup(item: pytest.Item) -> None:
    deadline = float(os.environ.get("CI_DEADLINE_S") or "inf")
    needed = max((mark.args[0] for mark in item.iter_markers("duration")), default=30)
    in_lab = "raised" in getattr(item, "fixturenames", ())
    if in_lab and not item.config.stash[RAISED]:
        needed += RAISING_S
    left = deadline - (time.monotonic() - STARTED)
    if needed > left:
        item.config.stash[NOT_RUN].append(f"{item.nodeid} (needs {needed:.0f} s, {left:.0f} s are left)")
        pytest.skip(f"not run: needs {needed:.0f} s, {left:.0f} s are left before the deadline")
    item.config.stash[RAISED] |= in_lab


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash[NOT_RUN]:
        terminalreporter.write_line(f"not run: {line}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not session.config.getoption("--record"):
        return
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    records.write(
        (report.nodeid, outcome, getattr(report, "duration", 0))  # what was not collected took no time
        for outcome in records.OUTCOMES
        for report in reporter.stats.get(outcome, [])
    )
