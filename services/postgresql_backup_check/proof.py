"""The check: what is done one after the other, and what each step has proven."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from postgresql_backup_check.commands import CheckError, Settings
from postgresql_backup_check.repository import MIB, Backup

Json = dict[str, Any]


class Server(Protocol):
    """The scratch server; ``postgresql_backup_check.scratch`` has it."""

    def restore(self, label: str) -> None:
        """Put a backup in place."""

    def replay(self) -> None:
        """Replay the log to its end."""

    def ended(self) -> tuple[int, int]:
        """Return the timeline and the position at which the log ended."""

    def seen(self) -> Json:
        """Return the databases and when the newest transaction was."""

    def ask(self, database: str, statement: str) -> str:
        """Run a statement."""

    def amcheck(self) -> None:
        """Look at all tables and indexes."""

    def control(self) -> dict[str, str]:
        """Return the control file."""

    def checksums(self) -> int:
        """End the server and look at all pages; how many."""

    def remove(self) -> None:
        """Leave nothing behind."""


def check(backup: Backup, server: Server) -> Json:
    """Restore a backup and look at what comes back, then remove it; the report.

    ``{"ok", "problem", "backup", "kind", "stopped", "began", "ended", "proven", "system_identifier", "replayed",
    "newest"}``: times are seconds since 1970, ``replayed`` is a position in the log, ``proven`` are sentences.
    """
    report: Json = {"ok": False, "problem": "", "began": time.time(), "proven": []}
    report |= {"backup": backup.label, "kind": backup.kind, "stopped": backup.stopped}
    try:
        try:
            server.remove()
            for sentence in steps(backup, server, report):
                report["proven"].append(sentence)
        finally:
            server.remove()
        report["ok"] = True
    except (CheckError, OSError) as problem:
        report["problem"] = str(problem)
    report["ended"] = time.time()
    return report


def refused(problems: Sequence[str]) -> Json:
    """Return the report of a check that was not begun."""
    now = time.time()
    return {"ok": False, "problem": " ".join(problems), "began": now, "ended": now, "proven": []}


def steps(backup: Backup, server: Server, report: Json) -> Iterator[str]:
    """Take one step after the other, and say what it has proven. Raises CheckError for what it has not."""
    began = time.monotonic()
    server.restore(backup.label)
    control = server.control()
    report["system_identifier"] = control["Database system identifier"]
    if report["system_identifier"] != backup.system_identifier:
        raise CheckError(f"it is of system {report['system_identifier']}, needed: {backup.system_identifier}")
    took = time.monotonic() - began
    yield (
        f"Backup {backup.label} ({backup.kind}, ended {moment(backup.stopped)}) is restored, each file with its"
        f" checksum: {backup.size / MIB:.0f} MiB in {took:.0f} s."
    )
    server.replay()
    timeline, report["replayed"] = server.ended()
    gap(backup.archived, timeline, report["replayed"], int(control["Bytes per WAL segment"]))
    seen = server.seen()
    report["newest"] = seen["newest"]
    newest = "there is no transaction after the backup"
    if seen["newest"]:
        age = max(0, report["began"] - seen["newest"])
        newest = f"the newest transaction is of {moment(seen['newest'])}, {age:.0f} s before the check"
    yield f"All of the archived log is replayed, to {lsn(report['replayed'])} on timeline {timeline}: {newest}."
    for database in seen["databases"]:
        server.ask(database, "SELECT count(*) FROM pg_class")
    yield f"Every database answers: {', '.join(seen['databases'])}."
    server.amcheck()
    yield "pg_amcheck finds nothing in all tables and B-tree indexes, and each index has all rows of its table."
    yield f"The checksums of all {server.checksums()} pages are right."


def gap(archived: str, timeline: int, position: int, segment: int) -> None:
    """Raise CheckError if the log has ended before the last archived segment; ``segment`` is the size of each."""
    # Segments of an older timeline may be left beyond the point where a newer one has begun.
    if not archived or int(archived[:8], 16) < timeline:
        return
    last = int(archived[8:16], 16) * ((1 << 32) // segment) + int(archived[16:24], 16)
    if int(archived[:8], 16) > timeline or (position - 1) // segment < last:
        raise CheckError(
            f"the log ends at {lsn(position)} on timeline {timeline}, needed: all up to segment {archived}, the last"
            " that was archived. This one or one before it is missing or cannot be read, and all after that is lost"
        )


def moment(seconds: float) -> str:
    """Return a time as people read it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def lsn(position: int) -> str:
    """Return a position in the log as PostgreSQL prints it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def keep(settings: Settings, report: Json) -> None:
    """Write a report, in the place of the one before."""
    draft = settings.result.with_name(f"{settings.result.name}.new")
    with draft.open("w", encoding="utf-8") as stream:
        json.dump(report, stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(settings.result)


def kept(settings: Settings) -> Json:
    """Return the last report, empty if there is none."""
    try:
        return dict(json.loads(settings.result.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
