"""What the hosts of a cluster of three answer when db-1 leads and all is well, and the variables of these hosts."""

from __future__ import annotations

from typing import Any

NAMES = ("db-1", "db-2", "db-3")
DEFAULTS: dict[str, Any] = {
    "postgresql_cluster": "lab",
    "postgresql_version": 17,
    "postgresql_port": 5432,
    "postgresql_confirmations": 1,
    "postgresql_failover_lease": 4,
    "postgresql_failover_t1": 3.0,
    "postgresql_failover_degrade_after": 0,
    "postgresql_proxy_port": 5432,
    "postgresql_proxy_standby_port": 5433,
    "postgresql_backup_host": "backup-1",
    "postgresql_status_lag_mib": 16,
    "postgresql_status_lag_seconds": 30,
    "postgresql_status_archive_seconds": 300,
    "postgresql_status_backup_hours": {"full": 194, "diff": 50, "incr": 27},
    "postgresql_status_check_hours": 194,
}
NOW, HOUR = 1_800_000_000.0, 3600.0


def host(name: str, **options: Any) -> dict[str, Any]:
    """Return a host's variables; options without their prefix ``postgresql_``."""
    return {"inventory_hostname": name, **{f"postgresql_{key}": value for key, value in options.items()}}


def said(name: str, server: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return what the agent's program prints on a host."""
    leads = name == "db-1"
    return {
        "answered": True,
        "leader": "db-1",
        "ready": True,
        "term": 3,
        "rules": [{"standbys": ["db-2", "db-3"], "confirmations": 1}],
        "settled": True,
        "members": {member: {"fit": True, "cut_off": 0} for member in NAMES},
        "me": name,
        "server": {
            "running": True,
            "primary": leads,
            "stuck": "",
            "full": "",
            "data": True,
            "receives": "" if leads else "db-1",
            "report": reported(leads),
            **(server or {}),
        },
        **more,
    }


STANDBY = {"state": "streaming", "sync_state": "quorum", "lag_bytes": 4096, "lag_s": 0.2}
ARCHIVER: dict[str, Any] = {
    "mode": "on", "failed": 2, "last_failed": "000000030000000000000007", "fails": False,
    "archived": "000000030000000000000009", "archived_s": 12.0, "waiting": 0, "waiting_s": 0,
}  # fmt: skip


def reported(leads: bool, **more: Any) -> dict[str, Any]:
    """Return what a server says itself."""
    primary = {"position": 9 << 24, "standbys": {"db-2": STANDBY, "db-3": STANDBY}, "archiver": ARCHIVER}
    return {
        "system_identifier": "7712555174565764179",
        "pending_restart": [],
        "paused": False,
        **(primary if leads else dict.fromkeys(primary)),
        **more,
    }


def backup(kind: str, hours: float, **more: Any) -> dict[str, Any]:
    """Return a backup that ended so many hours ago."""
    label, stopped = f"20261126-0115{kind[0].upper()}", NOW - hours * HOUR
    return {"label": label, "kind": kind, "stopped": stopped, "size": 1 << 25, "damaged": False, **more}


CHECK: dict[str, Any] = {
    "ok": True, "problem": "", "began": NOW - 6 * HOUR - 60, "ended": NOW - 6 * HOUR, "backup": "20261126-0115D",
    "proven": ["All of it."], "system_identifier": "7712555174565764179", "replayed": 8 << 24, "newest": NOW - 7 * HOUR,
}  # fmt: skip


def kept(**more: Any) -> dict[str, Any]:
    """Return what the module postgresql_backup answers on the backup host, with other things in the status."""
    backups = [backup("full", 90), backup("diff", 10), backup("incr", 1)]
    status = {
        "stanza": "lab",
        "now": NOW,
        "code": 0,
        "message": "ok",
        "backups": backups,
        "problems": [],
        "check": CHECK,
    }
    return {"changed": False, "backups": {**status, **more}, "report": {}}


def well() -> dict[str, dict[str, Any]]:
    """Return what all three hosts said, by host."""
    return {name: said(name) for name in NAMES}


def answered(cluster: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return that as the module's results."""
    return {name: {"changed": False, "cluster": one} for name, one in cluster.items()}
