# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a restored backup is, beside the PostgreSQL cluster that lives. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MIB = 1 << 20
Json = Mapping[str, Any]


def compared(report: Json, live: Iterable[Json]) -> tuple[str, str]:
    """Return what is wrong with a restored backup beside the cluster that lives, and otherwise what that has shown.

    ``live`` is what the members answered before the check, as ``cluster`` of the module postgresql_member.
    """
    reports = [_of_primary(one) for one in live]
    primary: Json = next((one for one in reports if one), {})
    if not primary:
        return "", "No primary has answered: what came back is not compared with the cluster that lives."
    found, needed = report["system_identifier"], primary["system_identifier"]
    if found != needed:
        return f"it is of another cluster: found system identifier {found}, needed {needed}", ""
    missing = max(0, primary["position"] - report["replayed"])
    return "", (
        f"It is the cluster that lives (system identifier {needed}). {missing / MIB:.1f} MiB of its log were not"
        " archived when the check began: so much is lost if all of its hosts are."
    )


def _of_primary(cluster: Json) -> Json:
    server = cluster.get("server") or {}
    report = server.get("report") or {}
    return report if server.get("running") and server.get("primary") and report.get("position") is not None else {}
