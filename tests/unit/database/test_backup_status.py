"""Backups that are too old, damaged or not proven are told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.backups import backup_checks
from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.status import asked

from tests.unit.database.answers import CHECK, DEFAULTS, HOUR, NAMES, NOW, backup, host, kept

RECENT, RESTORED = "backups are recent", "last backup can be restored"


def checks(answer: dict[str, Any], **options: Any) -> dict[str, dict[str, Any]]:
    """Return the checks by name of what the backup host answered."""
    hosts = asked([host(name, **options) for name in NAMES], {}, DEFAULTS)
    return {one["check"]: one for one in backup_checks(hosts, {"backup-1": answer})}


def failures(answer: dict[str, Any], **options: Any) -> dict[str, str]:
    return {name: one["detail"] for name, one in checks(answer, **options).items() if not one["ok"]}


def test_recent_backups_of_which_the_last_was_checked_are_well() -> None:
    found = checks(kept())
    assert {one["host"] for one in found.values()} == {"backup-1"} and failures(kept()) == {}
    assert found[RECENT]["detail"] == "cluster lab: full 90.0 h ago, diff 10.0 h ago, incr 1.0 h ago"
    assert found[RESTORED]["detail"] == "cluster lab: backup 20261126-0115D was restored 6.0 h ago"


def test_backups_of_a_second_repository_have_to_be_recent_too() -> None:
    first = [backup("full", 90), backup("diff", 10), backup("incr", 1)]
    second = [backup(kind, hours, repository=2) for kind, hours in (("full", 91), ("diff", 11), ("incr", 2))]
    found = checks(kept(backups=first + second))
    assert "; in repository 2 full 91.0 h ago, diff 11.0 h ago, incr 2.0 h ago" in found[RECENT]["detail"]
    late = failures(kept(backups=[*first, backup("full", 300, repository=2)]))
    assert "in repository 2 the last full backup or better: found 300.0 h ago" in late[RECENT]


def test_a_cluster_without_a_backup_host_is_well_and_it_is_said_that_there_are_no_backups() -> None:
    found = checks({}, backup_host="")
    assert found.keys() == {RECENT} and found[RECENT]["ok"] and found[RECENT]["host"] == "site"
    assert "there are no backups" in found[RECENT]["detail"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({}, "the host cannot be reached"),
        ({"failed": True, "msg": "No such file"}, "its postgresql-backup-check does not answer: No such file. Remedy:"),
        (kept(stanza="other"), "backup-1 keeps the backups of cluster other, and not of this one"),
    ],
)
def test_backups_that_cannot_be_asked_for_are_failed_checks(answer: dict[str, Any], words: str) -> None:
    found = failures(answer)
    assert found.keys() == {RECENT, RESTORED} and all(words in one for one in found.values())


@pytest.mark.parametrize(
    ("backups", "words"),
    [
        (
            [backup("full", 200), backup("diff", 10)],
            "last full backup or better: found 200.0 h ago, needed 194 h or younger",
        ),
        ([backup("full", 90), backup("diff", 60), backup("incr", 1)], "last diff backup or better: found 60.0 h ago"),
        ([backup("full", 40)], "last incr backup or better: found 40.0 h ago"),
        ([backup("full", 1, damaged=True)], "pages of backup 20261126-0115F had wrong checksums"),
    ],
)
def test_a_backup_that_is_too_old_or_damaged_is_told(backups: list[dict[str, Any]], words: str) -> None:
    found = failures(kept(backups=backups))
    assert found.keys() == {RECENT} and words in found[RECENT] and "Remedy:" in found[RECENT]


def test_a_full_backup_is_as_good_as_those_that_need_it() -> None:
    assert failures(kept(backups=[backup("full", 20)])) == {}


def test_kinds_that_have_no_limit_may_be_as_old_as_they_are() -> None:
    assert failures(kept(backups=[backup("full", 900)]), status_backup_hours={}) == {}
    assert failures(kept(backups=[backup("full", 900)]), status_backup_hours={"full": "901"}) == {}


@pytest.mark.parametrize("more", [{"code": 2, "message": "no valid backups"}, {"message": "no valid backups"}])
def test_a_stanza_that_is_not_well_is_told_in_the_words_of_pgbackrest(more: dict[str, Any]) -> None:
    found = failures(kept(backups=[], check={}, **more))
    assert found.keys() == {RECENT} and "pgbackrest info says: no valid backups" in found[RECENT]


def test_a_check_that_failed_or_is_too_old_is_told() -> None:
    failed = {**CHECK, "ok": False, "problem": "the log ends at 0/8000000"}
    found = failures(kept(check=failed))
    assert (
        found.keys() == {RESTORED}
        and "backup 20261126-0115D, 6.0 h ago: the log ends at 0/8000000. Remedy" in found[RESTORED]
    )
    found = failures(kept(check={**CHECK, "ended": NOW - 195 * HOUR}))
    assert found.keys() == {RESTORED} and "195.0 h ago, needed 194 h or younger" in found[RESTORED]


def test_a_check_that_was_refused_says_why() -> None:
    refused = {"ok": False, "problem": "Room for backup x: found 3 MiB", "began": NOW, "ended": NOW, "proven": []}
    assert "a check, 0.0 h ago: Room for backup x: found 3 MiB. Remedy" in failures(kept(check=refused))[RESTORED]


def test_a_first_check_is_waited_for_as_long_as_for_any_other() -> None:
    found = checks(kept(check={}))[RESTORED]
    assert found["ok"] and "not checked yet" in found["detail"]
    found = checks(kept(check={}, backups=[backup("full", 195), backup("diff", 1)]))[RESTORED]
    assert not found["ok"] and "no backup was ever checked" in found["detail"]
