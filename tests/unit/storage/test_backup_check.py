"""What status says of the shared filesystem's backup."""

from __future__ import annotations

import json
from typing import Any

from plugins.module_utils.shared_filesystem import backup_check

NOW = 1_000_000.0
REPORT: dict[str, Any] = {
    "ok": True, "problem": "", "ended": NOW - 7200, "files": 12, "bytes": 3 << 20,
    "snapshots": {"/run/x/homes": "daily-2026-03-02", "/run/x/groups": "daily-2026-03-02"},
}  # fmt: skip


def said(**changes: object) -> tuple[bool, str]:
    check = backup_check(json.dumps({**REPORT, **changes}), "backup-1", NOW)
    return check["ok"], check["detail"]


def test_a_backup_of_today_is_well() -> None:
    assert said() == (True, "daily-2026-03-02, 12 files, 3 MiB, 2 h ago")


def test_none_an_old_one_and_a_failed_one_are_told_with_a_remedy() -> None:
    for text in ("", "{}", "null", "cat: no such file"):
        check = backup_check(text, "backup-1", NOW)
        assert (check["ok"], check["detail"][:24]) == (False, "there is no backup yet. ")
    ok, detail = said(ended=NOW - 27 * 3600)
    assert not ok and "27 h ago, needed within 26 h" in detail
    ok, detail = said(ok=False, problem="'restic backup' ended with 1: no space left")
    assert not ok and "no space left" in detail and "journalctl" in detail
