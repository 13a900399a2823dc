"""What status says of the host that makes folders."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.identity import checks

WELL: dict[str, Any] = {"accounts": 2, "groups": 1, "waiting": [], "nearly_full": []}


def said(**changes: Any) -> tuple[bool, str]:
    (check,) = checks({"stdout": json.dumps({**WELL, **changes})}, "storage-1")
    return check["ok"], check["detail"]


def test_a_host_whose_folders_are_made_is_well() -> None:
    assert said() == (True, "2 accounts, 1 groups")


def test_a_folder_that_somebody_waits_for_is_named() -> None:
    ok, detail = said(waiting=["home 1000000"])
    assert not ok and "home 1000000: not as asked for a minute ago. Remedy:" in detail


def test_a_full_folder_is_named_and_its_owners_business() -> None:
    ok, detail = said(nearly_full=["accounts 1000000 (alice)"])
    assert ok and detail == "2 accounts, 1 groups; nearly full: accounts 1000000 (alice)"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"stdout": "it does not run\n", "stderr": ""}, "no report: it does not run"),
        (
            {"stdout": "", "stderr": "Traceback\nOperationalError: gone\n"},
            "no report: OperationalError: gone",
        ),
        ({"msg": "unreachable"}, "no report: unreachable"),
        ({}, "no report: it says nothing"),
    ],
)
def test_a_host_without_a_report_says_why(answer: dict[str, str], text: str) -> None:
    (check,) = checks(answer, "storage-1")
    assert not check["ok"] and text in check["detail"] and "journalctl -u identity on storage-1" in check["detail"]
