# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verdict on the backups of PostgreSQL clusters, from what their backup hosts answer. Pure: no I/O.

An answer is what the module postgresql_backup returned. Its ``backups`` is what ``postgresql-backup-check status``
prints: ``{"stanza", "now", "code", "message", "backups", "problems", "check"}``, with times in seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Optional

from .status import SITE, Asked, Check, Json, check, of_clusters, silence

KINDS = ("incr", "diff", "full")
"""Kinds of backups; a later one is also as good as those before."""
RECENT, RESTORED = "backups are recent", "last backup can be restored"


def backup_checks(hosts: Iterable[Asked], answers: Mapping[str, Json]) -> list[Check]:
    """Return the status checks of all clusters' backups; ``answers`` are by backup host."""
    result = []
    for cluster, members in of_clusters(hosts).items():
        options = members[0].options
        keeper = str(options["postgresql_backup_host"] or "")
        if not keeper:
            result.append(check(RECENT, SITE, cluster, "", "there are no backups: no host is to keep them"))
            continue
        answer = answers.get(keeper) or {}
        found = answer.get("backups") or {}
        unknown = "" if found else f"cannot be asked: {silence(answer, 'its postgresql-backup-check')}"
        if found and found["stanza"] != cluster:
            unknown = f"{keeper} keeps the backups of cluster {found['stanza']}, and not of this one."
        for name, verdict in ((RECENT, _recent), (RESTORED, _restored)):
            problem, detail = (unknown, "") if unknown else verdict(keeper, found, options)
            result.append(check(name, keeper, cluster, problem, detail))
    return result


def _recent(keeper: str, found: Json, options: Json) -> tuple[str, str]:
    if found["code"] or not found["backups"]:
        return f"pgbackrest info says: {found['message']}. Remedy: run database.yml, then backup.yml.", ""
    said = [
        (f"in repository {key} " if key > 1 else "", *_recent_in(keeper, one, options))
        for key, one in _repositories(found).items()
    ]
    return (
        " ".join(f"{where}{problem}" for where, problem, _detail in said if problem),
        "; ".join(f"{where}{detail}" for where, _problem, detail in said),
    )


def _repositories(found: Json) -> dict[int, Json]:
    """Return what was found, of each repository that has backups alone."""
    backups = found["backups"]
    return {
        key: {**found, "backups": [one for one in backups if one.get("repository", 1) == key]}
        for key in sorted({one.get("repository", 1) for one in backups})
    }


def _recent_in(keeper: str, found: Json, options: Json) -> tuple[str, str]:
    ages = {kind: _age(found, kind) for kind in reversed(KINDS)}
    detail = ", ".join(f"{kind} {'none' if age is None else _hours(age)}" for kind, age in ages.items())
    problems = []
    for kind, hours in options["postgresql_status_backup_hours"].items():
        enough = [ages[one] for one in KINDS[KINDS.index(kind) :] if ages[one] is not None]
        if not enough or min(enough) > int(hours) * 3600:
            problems.append(
                f"the last {kind} backup or better: found {_hours(min(enough)) if enough else 'none'}, needed {hours} h"
                f" or younger (postgresql_status_backup_hours). Remedy: see journalctl -u pgbackrest-{kind} on"
                f" {keeper}, then backup.yml -e kind={kind}."
            )
    last = found["backups"][-1]
    if last["damaged"]:
        problems.append(
            f"pages of backup {last['label']} had wrong checksums when it was made. Remedy: see journalctl -u"
            f" pgbackrest-{last['kind']} on {keeper} for their files; let a standby whose pages are right lead."
        )
    return " ".join(problems), detail


def _restored(keeper: str, found: Json, options: Json) -> tuple[str, str]:
    done, hours = found["check"], int(options["postgresql_status_check_hours"])
    remedy = f"Remedy: see journalctl -u postgresql-backup-check on {keeper}; check_backup.yml checks anew."
    if not done:
        oldest = min((one["stopped"] for one in found["backups"]), default=found["now"])
        if found["now"] - oldest <= hours * 3600:
            return "", f"not checked yet, which is due within {hours} h of the first backup"
        return f"no backup was ever checked. {remedy}", ""
    age = found["now"] - done["ended"]
    name = f"backup {done['backup']}" if "backup" in done else "a check"
    if not done["ok"]:
        return f"{name}, {_hours(age)}: {done['problem'].rstrip('.')}. {remedy}", ""
    if age > hours * 3600:
        return (
            f"the last check was of {name}, {_hours(age)}, needed {hours} h or younger (postgresql_status_check_hours)."
            f" {remedy}",
            "",
        )
    return "", f"{name} was restored {_hours(age)}"


def _age(found: Json, kind: str) -> Optional[float]:
    stopped = [one["stopped"] for one in found["backups"] if one["kind"] == kind]
    return found["now"] - max(stopped) if stopped else None


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h ago"
