# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How numbers and folders of accounts and groups are. Pure: no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .status import last_words


def checks(answer: Mapping[str, Any], host: str) -> list[dict[str, Any]]:
    """Return the status checks of a host that makes folders; ``answer`` is what ``identity report`` did on it.

    A folder that is nearly full is its owner's business: it is named, and the check is well.
    """
    check = {"layer": "identity", "check": "folders are made", "host": host}
    try:
        report = json.loads(answer["stdout"])
        waiting, full = report["waiting"], report["nearly_full"]
    except (KeyError, ValueError, TypeError):
        problem = f"no report: {last_words(answer)}"
    else:
        problem = f"{', '.join(waiting)}: not as asked for a minute ago" if waiting else ""
    if problem:
        return [{**check, "ok": False, "detail": f"{problem}. Remedy: see journalctl -u identity on {host}."}]
    detail = f"{report['accounts']} accounts, {report['groups']} groups"
    return [{**check, "ok": True, "detail": detail + (f"; nearly full: {', '.join(full)}" if full else "")}]
