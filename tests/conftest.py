"""Order of the tiers, the deadline of a run, rotation groups and the record of a full run."""

from __future__ import annotations

import hashlib
import os
import subprocess
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

# Before any test imports ansible_collections: as a plain package of Python it would stay without plugins.
init_plugin_loader([str(ROOT / ".ansible" / "collections")])

RECORDS = ROOT / "docs" / "test-records"
TIERS = ("lint", "unit", "sanity", "platform")
"""Folders of tests in the order in which they run: the cheapest answer first."""

OUTCOMES = ("passed", "failed", "error", "skipped")
"""What a record says of a test; ``error`` is one whose fixtures failed."""

STARTED = time.monotonic()
NOT_RUN = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--everything", action="store_true", help="run every rotation group")
    parser.addoption("--record", action="store_true", help="write a dated record of this run into docs/test-records")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "rotation(group, *paths): runs when a path changed since all tests ran, or in turn"
    )
    config.addinivalue_line("markers", "last: runs after everything else, since it ends the lab")
    config.addinivalue_line("markers", "duration(seconds): time the test needs before the deadline")
    config.stash[NOT_RUN] = []


def tier(item: pytest.Item) -> int:
    folder = item.path.relative_to(ROOT / "tests").parts[0]
    return TIERS.index(folder) if folder in TIERS else len(TIERS)


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout


def last_record() -> str:
    """Return the commit of the latest run on record in which all tests passed; "" where there is none."""
    distances = {}
    for path in RECORDS.glob("*.md"):
        commit = path.stem.rsplit("-", 1)[1]
        distance = git("rev-list", "--count", f"{commit}..HEAD").strip()
        text = path.read_text(encoding="utf-8")
        if distance and not any(f"| {outcome} |" in text for outcome in OUTCOMES[1:]):
            distances[int(distance)] = commit
    return distances[min(distances)] if distances else ""


def changed_files() -> list[str]:
    """Return the files that changed since all tests ran, or else every file there is."""
    commit = last_record()
    return git(*(["diff", "--name-only", commit] if commit else ["ls-files"])).splitlines()


def chosen_groups(marks: dict[str, set[str]], changed: list[str], commit: str) -> set[str]:
    """Return the rotation groups to run: those with a changed path, and one more that the commit chooses.

    ``marks`` maps a group to the path prefixes it depends on.
    """
    touched = {group for group, paths in marks.items() if any(file.startswith(tuple(paths)) for file in changed)}
    others = sorted(set(marks) - touched)
    turn = int(hashlib.sha256(commit.encode()).hexdigest(), 16)
    return touched | ({others[turn % len(others)]} if others else set())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: (tier(item), item.get_closest_marker("last") is not None))
    marks: dict[str, set[str]] = {}
    for item in items:
        for mark in item.iter_markers("rotation"):
            marks.setdefault(mark.args[0], set()).update(mark.args[1:])
    if config.getoption("--everything") or not marks:
        return
    chosen = chosen_groups(marks, changed_files(), git("rev-parse", "HEAD"))
    left = [item for item in items if any(mark.args[0] not in chosen for mark in item.iter_markers("rotation"))]
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
    left = deadline - (time.monotonic() - STARTED)
    if needed > left:
        item.config.stash[NOT_RUN].append(f"{item.nodeid} (needs {needed:.0f} s, {left:.0f} s are left)")
        pytest.skip(f"not run: needs {needed:.0f} s, {left:.0f} s are left before the deadline")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash[NOT_RUN]:
        terminalreporter.write_line(f"not run: {line}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not session.config.getoption("--record"):
        return
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    rows = [
        f"| {report.nodeid} | {outcome} | {getattr(report, 'duration', 0):.1f} |"  # what was not collected took no time
        for outcome in OUTCOMES
        for report in reporter.stats.get(outcome, [])
    ]
    path = RECORDS / f"{time.strftime('%Y-%m-%d')}-{git('rev-parse', '--short', 'HEAD').strip()}.md"
    RECORDS.mkdir(exist_ok=True)
    head = f"# Test record of {time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} cores\n\n"
    head += "| test | outcome | seconds |\n|---|---|---|\n"
    path.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")
