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
}


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
            **(server or {}),
        },
        **more,
    }


def well() -> dict[str, dict[str, Any]]:
    """Return what all three hosts said, by host."""
    return {name: said(name) for name in NAMES}


def answered(cluster: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return that as the module's results."""
    return {name: {"changed": False, "cluster": one} for name, one in cluster.items()}
