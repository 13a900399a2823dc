"""What was acknowledged, by whom and when, and what that says about a round."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Acknowledged:
    """A commit that a server acknowledged; ``at`` is the moment on the machine's monotonic clock, in seconds."""

    number: int
    server: str
    timeline: int
    at: float


def of_client(file: Path) -> list[Acknowledged]:
    """Read the client's record."""
    if not file.exists():
        return []
    rows = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.endswith("]"))
    return [Acknowledged(number, server, timeline, at) for number, server, timeline, _lsn, _sent, at in rows]


def of_beside(text: str) -> list[Acknowledged]:
    """Read the record of the writers beside the servers; a line that is cut short was none."""
    rows = (line.split() for line in text.splitlines(keepends=True) if line.endswith("\n"))
    return [Acknowledged(int(row[1]), row[0], int(row[2]), float(row[3])) for row in rows if len(row) == 4]


def overlaps(commits: Iterable[Acknowledged]) -> list[Acknowledged]:
    """Return the commits that a server acknowledged after another one had on a later timeline."""
    first: dict[int, float] = {}
    ordered = sorted(commits, key=lambda one: one.at)
    for one in ordered:
        first.setdefault(one.timeline, one.at)
    return [
        one for one in ordered if any(timeline > one.timeline and began < one.at for timeline, began in first.items())
    ]


def outage(commits: Sequence[Acknowledged], since: float) -> float | None:
    """Return the seconds from the last commit before a moment, or the longest gap after it, to the next commit."""
    moments = sorted(one.at for one in commits)
    before = [at for at in moments if at <= since]
    after = [at for at in moments if at > since]
    if not before or not after:
        return None
    gaps = [later - earlier for earlier, later in zip([before[-1], *after], after, strict=False)]
    return max(gaps)


def summary(rounds: Sequence[dict[str, float | int | None]]) -> dict[str, object]:
    """Return what a kind's rounds say together."""
    outages = sorted(float(one["outage_s"]) for one in rounds if one["outage_s"] is not None)
    return {
        "rounds": len(rounds),
        "lost": sum(int(one["lost"] or 0) for one in rounds),
        "overlaps": sum(int(one["overlaps"] or 0) for one in rounds),
        "outage_s": {
            "median": round(outages[len(outages) // 2], 2),
            "p95": round(outages[min(len(outages) - 1, int(0.95 * len(outages)))], 2),
            "max": round(outages[-1], 2),
        }
        if outages
        else None,
        "t1_s": extreme(max, rounds, "t1_s"),
        "t2_s": extreme(min, rounds, "t2_s"),
    }


def extreme(
    choose: Callable[[list[float]], float], rounds: Sequence[dict[str, float | int | None]], name: str
) -> float | None:
    """The largest or smallest value of a name, where there is one."""
    found = [float(value) for one in rounds if (value := one.get(name)) is not None]
    return round(choose(found), 2) if found else None
