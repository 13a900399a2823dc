"""Records of runs in docs/test-records, and the rotation groups that are due since the last ones that passed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECORDS = ROOT / "docs" / "test-records"
OUTCOMES = ("passed", "failed", "error", "skipped")
"""What a record says of a test; ``error`` is one whose fixtures failed."""

HEAD = "| test | outcome | seconds |\n|---|---|---|\n"


@dataclass
class Group:
    """Tests that run when what they are about changed, or in turn."""

    paths: set[str] = field(default_factory=set)
    """Prefixes of the files they are about."""
    tests: set[str] = field(default_factory=set)
    """Their pytest node ids."""


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout


def rows(record: Path) -> dict[str, str]:
    """Return the rows of a record, each under its test; {} where there is no such file."""
    lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    tests = [line for line in lines if line.startswith("| ") and line not in HEAD.splitlines()]
    return {line.removeprefix("| ").rsplit(" | ", 2)[0]: line for line in tests}


def last_passed(tests: set[str]) -> str:
    """Return the commit of the latest record in which all of ``tests`` passed; "" where there is none."""
    distances = {}
    for path in RECORDS.glob("*.md"):
        commit = path.stem.rsplit("-", 1)[1]
        distance = git("rev-list", "--count", f"{commit}..HEAD").strip()
        if distance and tests <= {test for test, row in rows(path).items() if "| passed |" in row}:
            distances[int(distance)] = commit
    return distances[min(distances)] if distances else ""


def changed_files(commit: str) -> list[str]:
    """Return the files that changed since ``commit``; all there are where it is ""."""
    return git(*(["diff", "--name-only", commit] if commit else ["ls-files"])).splitlines()


def due(groups: dict[str, Group], commit: str) -> set[str]:
    """Return the groups about something that changed since their tests passed, and one more that ``commit`` chooses."""
    touched = {
        name
        for name, group in groups.items()
        if any(file.startswith(tuple(group.paths)) for file in changed_files(last_passed(group.tests)))
    }
    others = sorted(set(groups) - touched)
    turn = int(hashlib.sha256(commit.encode()).hexdigest(), 16)
    return touched | ({others[turn % len(others)]} if others else set())


def write(outcomes: Iterable[tuple[str, str, float]]) -> Path:
    """Record tests' (node id, outcome, seconds) at this commit, beside what others of its runs have recorded.

    A working tree with changes is no commit: its record says so in its name, and counts for nothing.
    """
    commit = git("describe", "--always", "--dirty=-changed", "--exclude=*").strip()
    before = sorted(RECORDS.glob(f"*-{commit}.md"))
    path = before[-1] if before else RECORDS / f"{time.strftime('%Y-%m-%d')}-{commit}.md"
    found = rows(path) | {test: f"| {test} | {outcome} | {seconds:.1f} |" for test, outcome, seconds in outcomes}
    RECORDS.mkdir(exist_ok=True)
    title = f"# Test record of {time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} cores\n\n"
    path.write_text(title + HEAD + "\n".join(found.values()) + "\n", encoding="utf-8")
    return path
