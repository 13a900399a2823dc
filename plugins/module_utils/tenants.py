# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the namespaces of accounts are. Pure: no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .status import last_words


def checks(answer: Mapping[str, Any], host: str) -> list[dict[str, Any]]:
    """Return the status checks of a control plane; ``answer`` is what ``tenants report`` did on it.

    Namespaces whose account the database does not know are named and left: a database that was restored forgets.
    """
    check = {"layer": "tenants", "check": "accounts have namespaces", "host": host}
    problem, remedy = "", f"see journalctl -u tenants on {host}."
    try:
        report = json.loads(answer["stdout"])
        wrong = {"missing": report["missing"], "too much": report["too_much"]}
        strangers = report["strangers"]
    except (KeyError, ValueError, TypeError):
        problem = f"no report: {last_words(answer)}"
    else:
        problem = "; ".join(f"{words}: {', '.join(found)}" for words, found in wrong.items() if found)
        if strangers and not problem:
            problem = f"no account is known for the namespaces {', '.join(strangers)}"
            remedy = (
                "import the accounts again where the database was restored to before them, else remove the namespaces."
            )
    if problem:
        return [{**check, "ok": False, "detail": f"{problem}. Remedy: {remedy}"}]
    return [{**check, "ok": True, "detail": f"{report['accounts']} accounts"}]
