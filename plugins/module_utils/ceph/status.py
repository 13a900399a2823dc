# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Status checks of a Ceph cluster, from its answers to ``ceph status`` and ``ceph df``. Pure: no I/O."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

LAYER, HOST = "storage", "localhost"
FULL_PERCENT = 80
"""Above this it is time to grow: at 85 % Ceph warns, at 95 % it takes no more writes."""
GIB = 1 << 30
DAILY = "daily-"
"""How the names of daily snapshots begin (services/cephfs_snapshots); the rest is the day."""
SNAPSHOT_DAYS = 1
"""How old the last daily snapshot may be."""


def serves(status: Mapping[str, Any]) -> bool:
    """Tell from ``ceph status`` whether a metadata server serves."""
    return any(one["status"] == "up:active" for one in status["fsmap"]["by_rank"])


def checks(
    answer: Mapping[str, Any], monitors: Iterable[str], osds: Iterable[str], metadata: Iterable[str]
) -> list[dict[str, Any]]:
    """Return the checks; ``answer`` is that of the module ceph_report, and the rest what is declared, by host."""
    if "status" not in answer:
        return [
            _check("answers", False, f"no monitor answers: {answer.get('msg', 'none of their hosts can be reached')}")
        ]
    status = answer["status"]
    return [
        _health(status["health"]),
        _monitors(status, list(monitors)),
        _osds(status["osdmap"], answer["hosts"], list(osds)),
        _metadata(status["fsmap"], list(metadata)),
        _space(answer["space"]["stats"]),
        _snapshots(answer["snapshots"], date.fromisoformat(answer["today"])),
    ]


def _check(name: str, ok: bool, detail: str) -> dict[str, Any]:
    return {"layer": LAYER, "check": name, "host": HOST, "ok": ok, "detail": detail}


def _health(health: Mapping[str, Any]) -> dict[str, Any]:
    said = [f"{code}: {one['summary']['message']}" for code, one in sorted(health.get("checks", {}).items())]
    return _check("Ceph is healthy", health["status"] == "HEALTH_OK", "; ".join([health["status"], *said]))


def _monitors(status: Mapping[str, Any], declared: list[str]) -> dict[str, Any]:
    voting = list(status["quorum_names"])
    missing = sorted(set(declared) - set(voting))
    detail = f"{len(voting)} vote ({', '.join(sorted(voting))})"
    return _check("monitors vote", not missing, f"{detail}; missing: {', '.join(missing)}" if missing else detail)


def _osds(table: Mapping[str, Any], hosts: Mapping[str, list[int]], declared: list[str]) -> dict[str, Any]:
    total, up, inside = (int(table[name]) for name in ("num_osds", "num_up_osds", "num_in_osds"))
    without = sorted(name for name in declared if not hosts.get(name))
    detail = f"{up} of {total} are up, {inside} hold data"
    ok = total > 0 and up == inside == total and not without
    return _check("OSDs are up", ok, f"{detail}; no OSD on {', '.join(without)}" if without else detail)


def _metadata(table: Mapping[str, Any], declared: list[str]) -> dict[str, Any]:
    active = [one["name"] for one in table["by_rank"] if one["status"] == "up:active"]
    standby = int(table.get("up:standby", 0))
    ok = bool(active) and len(active) + standby >= len(declared)
    detail = f"{', '.join(active) or 'none'} serves, {standby} stand by, {len(declared)} are declared"
    return _check("metadata servers serve", ok, detail)


def _space(stats: Mapping[str, Any]) -> dict[str, Any]:
    total, used = int(stats["total_bytes"]), int(stats["total_used_raw_bytes"])
    percent = 100 * used / total if total else 100.0
    detail = f"{percent:.0f} % of {total / GIB:.1f} GiB used, copies included; more is needed above {FULL_PERCENT} %"
    return _check("there is room", percent <= FULL_PERCENT, detail)


def _snapshots(found: Mapping[str, Iterable[str]], today: date) -> dict[str, Any]:
    newest = {folder: max(_days(names, today), default=None) for folder, names in found.items()}
    ok = bool(newest) and all(day is not None and (today - day).days <= SNAPSHOT_DAYS for day in newest.values())
    said = ", ".join(f"last of {folder}: {day or 'none'}" for folder, day in sorted(newest.items()))
    remedy = "" if ok else ". Remedy: see journalctl -u cephfs-snapshots on the hosts with monitors."
    return _check("snapshots are made", ok, (said or "no metadata server tells") + remedy)


def _days(names: Iterable[str], today: date) -> Iterator[date]:
    """Yield the days of daily snapshots; one of a day to come is a wrong clock's."""
    for name in names:
        with contextlib.suppress(ValueError):
            day = date.fromisoformat(name[len(DAILY) :] if name.startswith(DAILY) else "")
            if day <= today:
                yield day
