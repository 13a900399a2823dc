"""What a server says itself becomes checks: whether standbys keep up, the log is archived and settings are in force."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.servers import server_checks
from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.status import asked

from tests.unit.database.answers import ARCHIVER, DEFAULTS, NAMES, STANDBY, answered, host, reported, said, well

LOG = ("site", "log is archived")


def keeps_up(name: str) -> tuple[str, str]:
    return name, "standby keeps up"


def in_force(name: str) -> tuple[str, str]:
    return name, "settings are in force"


def checks(cluster: dict[str, Any], **options: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the checks by (host, check) of what three hosts said."""
    hosts = [host(name, **options) for name in NAMES]
    return {(one["host"], one["check"]): one for one in server_checks(asked(hosts, answered(cluster), DEFAULTS))}


def failures(name: str = "db-1", report: dict[str, Any] | None = None, **options: Any) -> dict[tuple[str, str], str]:
    """Return {(host, check): detail} of those that failed where one server reports something else."""
    cluster = {**well(), name: said(name, {"report": report or {}})}
    return {key: one["detail"] for key, one in checks(cluster, **options).items() if not one["ok"]}


def primary(**more: Any) -> dict[str, Any]:
    return reported(leads=True, **more)


def test_servers_that_are_well_pass_every_check_and_say_how_far_they_are() -> None:
    found = checks(well())
    assert found.keys() == {LOG, keeps_up("db-2"), keeps_up("db-3"), *map(in_force, NAMES)}
    assert [one for one in found.values() if not one["ok"]] == []
    assert found[keeps_up("db-2")]["detail"] == "cluster lab: streaming, quorum, 4096 bytes and 0.2 s behind"
    assert found[LOG]["detail"] == "cluster lab: last segment: 000000030000000000000009, 12 s ago; 0 wait"


@pytest.mark.parametrize(
    ("standby", "words"),
    [
        ({}, "sends it nothing"),
        ({**STANDBY, "state": "catchup"}, "is in state catchup, needed: streaming"),
        ({**STANDBY, "sync_state": "async"}, "its confirmations do not count for db-1"),
        ({**STANDBY, "lag_bytes": 17 << 20}, "17825792 bytes and 0.2 s behind, allowed 16 MiB and 30 s"),
        ({**STANDBY, "lag_s": 31.0}, "4096 bytes and 31.0 s behind, allowed"),
        ({**STANDBY, "lag_bytes": None}, "nothing replayed yet"),
    ],
)
def test_a_standby_that_does_not_keep_up_is_told_with_what_is_allowed(standby: dict[str, Any], words: str) -> None:
    standbys = {"db-2": standby, "db-3": STANDBY} if standby else {"db-3": STANDBY}
    found = failures(report=primary(standbys=standbys))
    assert (
        found.keys() == {keeps_up("db-2")} and words in found[keeps_up("db-2")] and "Remedy:" in found[keeps_up("db-2")]
    )


def test_a_host_may_be_allowed_more_or_less() -> None:
    standbys = {"db-2": {**STANDBY, "lag_bytes": 17 << 20}, "db-3": STANDBY}
    assert failures(report=primary(standbys=standbys), status_lag_mib=20) == {}
    assert failures(report=primary(), status_lag_mib="0").keys() == {keeps_up("db-2"), keeps_up("db-3")}


def test_where_nobody_confirms_a_standby_need_not_count() -> None:
    nobody = [{"standbys": ["db-2", "db-3"], "confirmations": 0}]
    standbys = {name: {**STANDBY, "sync_state": "async"} for name in ("db-2", "db-3")}
    cluster = {name: said(name, rules=nobody) for name in NAMES}
    cluster["db-1"] = said("db-1", {"report": primary(standbys=standbys)}, rules=nobody)
    assert [one for one in checks(cluster).values() if not one["ok"]] == []


def test_a_replay_that_is_paused_is_told() -> None:
    found = failures("db-3", reported(leads=False, paused=True))
    assert found.keys() == {keeps_up("db-3")} and "pg_wal_replay_resume()" in found[keeps_up("db-3")]


@pytest.mark.parametrize(
    ("archiver", "words"),
    [
        ({"fails": True, "waiting": 3, "waiting_s": 70.0}, "cannot archive 000000030000000000000007 at this moment"),
        ({"waiting": 5, "waiting_s": 301.0}, "5 segments wait on db-1, the oldest for 301 s, allowed 300"),
        ({"mode": "off"}, "db-1 archives nothing (archive_mode is off), and backup-1 is to keep backups"),
    ],
)
def test_a_log_that_is_not_archived_is_told(archiver: dict[str, Any], words: str) -> None:
    found = failures(report=primary(archiver={**ARCHIVER, **archiver}))
    assert found.keys() == {LOG} and words in found[LOG] and "Remedy:" in found[LOG]


def test_a_segment_that_waits_for_a_moment_is_no_problem() -> None:
    assert failures(report=primary(archiver={**ARCHIVER, "waiting": 2, "waiting_s": 40.0})) == {}
    assert failures(report=primary(archiver={**ARCHIVER, "archived": None, "archived_s": None})) == {}


def test_without_a_backup_host_nothing_has_to_be_archived() -> None:
    cluster = {**well(), "db-1": said("db-1", {"report": primary(archiver={**ARCHIVER, "mode": "off"})})}
    found = checks(cluster, backup_host="")[LOG]
    assert found["ok"] and "there are no backups" in found["detail"]


def test_settings_that_wait_for_a_restart_are_named() -> None:
    found = failures("db-2", reported(leads=False, pending_restart=["max_connections", "shared_buffers"]))
    assert found.keys() == {in_force("db-2")}
    assert "wait for a restart of its server: max_connections, shared_buffers. Remedy:" in found[in_force("db-2")]


def test_a_standby_that_cannot_be_asked_is_told_and_how_far_it_is_the_primary_says() -> None:
    found = failures("db-2", {"problem": "psql ended with 2: the database system is starting up"})
    assert found.keys() == {in_force("db-2")} and "is starting up" in found[in_force("db-2")]


@pytest.mark.parametrize("report", [{"problem": "psql did not end within 5.0 s"}, {}])
def test_what_only_the_primary_knows_fails_when_it_says_nothing(report: dict[str, Any]) -> None:
    found = failures(report=report)
    assert found.keys() == {LOG, in_force("db-1"), keeps_up("db-2"), keeps_up("db-3")}
    words = "psql did not end" if report else "its agent is an older one. Remedy: run database.yml"
    assert all("cannot be asked" in one and words in one for one in found.values())


def test_a_leader_that_is_no_primary_or_cannot_be_reached_is_asked_in_vain() -> None:
    assert "does not run as a primary" in failures(report=reported(leads=False))[LOG]
    hosts = [host(name) for name in NAMES]
    answers = answered({name: one for name, one in well().items() if name != "db-1"})
    found = {(one["host"], one["check"]): one for one in server_checks(asked(hosts, answers, DEFAULTS))}
    assert "the host cannot be reached" in found[LOG]["detail"] and not found[keeps_up("db-2")]["ok"]


def test_without_a_leader_nobody_is_asked() -> None:
    found = checks({name: said(name, leader="", ready=False) for name in NAMES})
    assert {key for key, one in found.items() if not one["ok"]} == {LOG, *map(keeps_up, NAMES)}
