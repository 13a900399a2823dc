"""What status says of the namespaces of accounts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plugins.module_utils.tenants import checks

REPORT = {"accounts": 3, "missing": [], "too_much": [], "strangers": []}


def said(**changed: Any) -> dict[str, Any]:
    (check,) = checks({"stdout": json.dumps({**REPORT, **changed})}, "control-1")
    return check


def test_all_is_well() -> None:
    assert (said()["ok"], said()["detail"]) == (True, "3 accounts")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"missing": ["Namespace user-1"]}, "missing: Namespace user-1. Remedy: see journalctl"),
        ({"too_much": ["pods of user-1"]}, "too much: pods of user-1. Remedy: see journalctl"),
        ({"strangers": ["user-1"]}, "no account is known for the namespaces user-1. Remedy: import"),
    ],
)
def test_what_is_not_well_is_named_with_a_remedy(changed: dict[str, Any], words: str) -> None:
    assert not said(**changed)["ok"]
    assert words in said(**changed)["detail"]


@pytest.mark.parametrize("answer", [{"stdout": "it does not run\n"}, {"msg": "unreachable"}, {"stdout": "{}"}])
def test_no_report_is_not_well(answer: dict[str, str]) -> None:
    (check,) = checks(answer, "control-1")
    assert not check["ok"]
    assert "no report" in check["detail"]
