"""Timelines and their ancestors: whether a log is a part of another server's, and which number is not used again."""

from __future__ import annotations

from pathlib import Path

from postgresql_failover.decision import Position
from postgresql_failover.files import write

NOBODY = "nobody has this timeline"
NO_TIMELINE = f"{{parent}}\t0/1000000\t{NOBODY}\n"
"""Content of a history file that makes a server pass a timeline over: it branched off before anything was written."""


def lsn(text: str) -> int:
    """Return a position in the log, as PostgreSQL writes it, as a number of bytes."""
    high, _slash, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def ends(history: str) -> dict[int, int]:
    """Return {timeline: where the next one branched off} of the text of a history file.

    The format is that of PostgreSQL's ``timeline.c``: number, position and reason, separated by tabs.
    """
    rows = [line.split("\t") for line in history.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return {int(row[0]): lsn(row[1]) for row in rows}


def branched(mine: Position, leads: Position, history: str) -> str:
    """Return why a log of that length is no part of the leader's; empty where it is. ``history`` is of its timeline."""
    if mine.timeline == leads.timeline:
        end = leads.lsn
    else:
        end = ends(history).get(mine.timeline, -1) if mine.timeline < leads.timeline else -1
    if mine.lsn <= end:
        return ""
    where = f"at {_written(end)}" if end >= 0 else "elsewhere"
    goes = f"its log goes to {_written(mine.lsn)} on timeline {mine.timeline}"
    return f"{goes}, and the leader's, on timeline {leads.timeline}, branched off {where}"


def pass_over(log: Path, timeline: int, parent: int, user: str) -> None:
    """Have a server that is promoted take a later timeline than this one."""
    path = log / f"{timeline:08X}.history"
    if not path.exists():
        write(path, NO_TIMELINE.format(parent=parent), user=user)


def forget_passed(log: Path) -> None:
    """Remove what was passed over for a promotion that did not happen; a standby would take it for its own timeline."""
    for path in sorted(log.glob("*.history"), reverse=True):
        if NOBODY not in path.read_text(encoding="utf-8"):
            return
        path.unlink()


def _written(position: int) -> str:
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"
