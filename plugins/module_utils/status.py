# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put the layers' checks together into the site's verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

FIELDS = ("layer", "check", "host", "ok", "detail")
REACHABLE = ("site", "reachable")


def last_words(answer: Mapping[str, Any]) -> str:
    """Return why a task gave no answer that can be read: the last line of the first thing that it did say."""
    said = [str(answer.get(key, "")).strip() for key in ("stderr", "stdout", "msg")]
    return next((text for text in said if text), "it says nothing").splitlines()[-1]


def report(site: str, hosts: Iterable[str], checks: Iterable[Mapping[str, Any]], time: str) -> dict[str, Any]:
    """Return the status document ``{site, time, ok, failures, checks}``.

    A declared host without the check ``reachable`` did not answer, which is a failure of its own. ``failures`` are
    sentences ``host: layer check: detail``. Raises ValueError for a check that lacks a field.
    """
    given = [dict(check) for check in checks]
    for check in given:
        missing = [field for field in FIELDS if field not in check]
        if missing:
            raise ValueError(f"status check {check} lacks {', '.join(missing)}")
    answered = {check["host"] for check in given if (check["layer"], check["check"]) == REACHABLE}
    silent = [
        {
            "layer": "site",
            "check": "reachable",
            "host": host,
            "ok": False,
            "detail": "does not answer to SSH, or does not exist",
        }
        for host in hosts
        if host not in answered
    ]
    everything = sorted(silent + given, key=lambda check: (check["layer"], check["check"], check["host"]))
    failures = [
        f"{check['host']}: {check['layer']} {check['check']}: {check['detail']}"
        for check in everything
        if not check["ok"]
    ]
    return {"site": site, "time": time, "ok": not failures, "failures": failures, "checks": everything}
