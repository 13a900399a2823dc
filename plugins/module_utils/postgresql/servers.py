# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verdict on what the servers of PostgreSQL clusters say themselves. Pure: no I/O.

How far a standby is, and whether the log is archived, is what the primary says of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from .status import SITE, Asked, Check, Json, check, of_clusters, view

MIB = 1 << 20


def server_checks(hosts: Iterable[Asked]) -> list[Check]:
    """Return the status checks of all servers, and of what the primaries archive."""
    result = []
    for cluster, members in of_clusters(hosts).items():
        seen = view(members)
        leader = next((one for one in members if one.name == seen.get("leader")), None)
        unknown = _unknown(leader)
        log = {} if unknown else _report(leader).get("archiver") or {}
        result.append(check("log is archived", SITE, cluster, unknown or _archive_problem(leader, log), _archives(log)))
        for one in members:
            if one.said:
                problem = _settings_problem(one)
                result.append(check("settings are in force", one.name, cluster, problem, "none waits for a restart"))
            if one != leader:
                standby = {} if unknown else _report(leader)["standbys"].get(one.name, {})
                problem = unknown or _standby_problem(one, leader, standby, seen["rules"])
                result.append(check("standby keeps up", one.name, cluster, problem, _how_far(standby)))
    return result


def _report(one: Optional[Asked]) -> Json:
    """Return what a server says; where it says nothing, why, as its ``problem``."""
    if one is None or one.silence:
        return {"problem": one.silence if one else "nobody leads"}
    return one.said["server"].get("report") or {"problem": "its agent is an older one. Remedy: run database.yml"}


def _unknown(leader: Optional[Asked]) -> str:
    """Return why the primary does not say how its standbys and its archive are; empty where it does."""
    if leader is None:
        return "cannot be asked: nobody who is declared leads."
    report = _report(leader)
    if "problem" in report:
        return f"cannot be asked: {leader.name} leads, and its server says nothing: {report['problem'].rstrip('.')}."
    if report["standbys"] is None:
        return f"cannot be asked: {leader.name} leads, and its server does not run as a primary."
    return ""


def _settings_problem(one: Asked) -> str:
    report = _report(one)
    if "problem" in report:
        return f"its server cannot be asked: {report['problem'].rstrip('.')}."
    if report["pending_restart"]:
        return (
            f"wait for a restart of its server: {', '.join(report['pending_restart'])}. Remedy: run database.yml, which"
            " restarts standbys first and cuts clients off once."
        )
    return ""


def _standby_problem(one: Asked, leader: Asked, standby: Json, rules: Iterable[Json]) -> str:
    see = "Remedy: see journalctl -u postgresql-failover -u postgresql-cluster on it."
    if not standby:
        return f"{leader.name} leads, and sends it nothing. {see}"
    if standby["state"] != "streaming":
        return f"its connection to {leader.name} is in state {standby['state']}, needed: streaming. {see}"
    confirms = any(one.name in rule["standbys"] and rule["confirmations"] for rule in rules)
    if confirms and standby["sync_state"] == "async":
        return f"its confirmations do not count for {leader.name} (async). {see}"
    if _report(one).get("paused"):
        return "its replay is paused. Remedy: SELECT pg_wal_replay_resume() there."
    mib, seconds = (int(one.options[f"postgresql_status_lag_{unit}"]) for unit in ("mib", "seconds"))
    if standby["lag_bytes"] is None or standby["lag_bytes"] > mib * MIB or standby["lag_s"] > seconds:
        return (
            f"it is behind: {_how_far(standby)}, allowed {mib} MiB and {seconds} s (postgresql_status_lag_mib,"
            " postgresql_status_lag_seconds). Remedy: see what its disk, its processors and its network do."
        )
    return ""


def _how_far(standby: Json) -> str:
    if not standby:
        return ""
    lag = standby["lag_bytes"]
    behind = "nothing replayed yet" if lag is None else f"{lag} bytes and {standby['lag_s']:.1f} s behind"
    return f"{standby['state']}, {standby['sync_state']}, {behind}"


def _archive_problem(leader: Asked, log: Json) -> str:
    keeper = leader.options["postgresql_backup_host"]
    see = f"Remedy: see journalctl -u postgresql-cluster on {leader.name}, and pgbackrest-server.service on {keeper}."
    if log["mode"] == "off":
        return (
            f"{leader.name} archives nothing (archive_mode is off), and {keeper} is to keep backups. Remedy: run"
            " database.yml, and see which settings wait for a restart."
            if keeper
            else ""
        )
    if log["fails"]:
        return (
            f"{leader.name} cannot archive {log['last_failed']} at this moment (failed {log['failed']} times,"
            f" {log['waiting']} segments wait, the oldest for {log['waiting_s']:.0f} s). {see}"
        )
    limit = int(leader.options["postgresql_status_archive_seconds"])
    if log["waiting_s"] > limit:
        return (
            f"{log['waiting']} segments wait on {leader.name}, the oldest for {log['waiting_s']:.0f} s, allowed {limit}"
            f" (postgresql_status_archive_seconds). {see}"
        )
    return ""


def _archives(log: Json) -> str:
    if not log or log["mode"] == "off":
        return "nothing is archived, and there are no backups"
    last = "none yet" if log["archived_s"] is None else f"{log['archived']}, {log['archived_s']:.0f} s ago"
    return f"last segment: {last}; {log['waiting']} wait"
