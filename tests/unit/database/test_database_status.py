"""The checks of a cluster pass where one leads and all others receive, and otherwise say what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.plugins.loader import filter_loader

from tests.unit.database.answers import DEFAULTS, NAMES, answered, host, kept, reported, said, well

SERVERS = {"log is archived", "settings are in force", "standby keeps up"}
"""Checks of what servers say themselves, which have tests of their own."""


def found_by_filter(*arguments: Any) -> list[dict[str, Any]]:
    """Return what the filter that status uses finds."""
    found = filter_loader.get("ai_infn.platform.postgresql_checks").j2_function(*arguments)
    assert isinstance(found, list)
    return found


def checks(answers: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    """Return what it finds of three hosts."""
    hosts = [host(name, **options) for name in NAMES]
    return found_by_filter(hosts, answers, DEFAULTS, {"backup-1": kept()})


def failures(answers: dict[str, Any], **options: Any) -> dict[tuple[str, str], str]:
    """Return {(host, check): detail} of those that failed and are about the cluster."""
    failed = [one for one in checks(answers, **options) if not one["ok"] and one["check"] not in SERVERS]
    return {(one["host"], one["check"]): one["detail"] for one in failed}


def changed(name: str, server: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return the answers of a cluster that is well but for what one host says."""
    return answered({**well(), name: said(name, server, **more)})


def everywhere(**more: Any) -> dict[str, Any]:
    """Return answers that all say this of the cluster."""
    return answered({name: said(name, **more) for name in NAMES})


LEADS, RULE = ("site", "one server leads"), ("site", "commits need what is declared")


def member(name: str) -> tuple[str, str]:
    return name, "server leads or receives"


def fit(name: str) -> tuple[str, str]:
    return name, "server is fit to lead"


def test_a_cluster_that_is_well_passes_every_check() -> None:
    found = checks(answered(well()))
    assert [one for one in found if not one["ok"]] == []
    assert {one["host"] for one in found} == {"site", "backup-1", *NAMES}
    details = {(one["host"], one["check"]): one["detail"] for one in found}
    assert details[LEADS] == "cluster lab: db-1 leads in term 3"
    assert details[RULE] == "cluster lab: 1 of db-2, db-3"
    assert details[member("db-1")] == "cluster lab: primary"
    assert details[member("db-2")] == "cluster lab: standby, receives from db-1"


def test_every_check_has_the_fields_of_the_report() -> None:
    for one in checks({}):
        assert one.keys() == {"layer", "check", "host", "ok", "detail"} and one["layer"] == "database"


def test_a_site_without_database_hosts_has_no_checks() -> None:
    assert found_by_filter([], {}, DEFAULTS, {}) == []


def test_each_cluster_has_checks_of_its_own() -> None:
    alone = said("x-1", {"primary": True, "receives": ""}, leader="x-1", rules=[{"standbys": [], "confirmations": 0}])
    alone["members"] = {"x-1": {"fit": True, "cut_off": 0}}
    alone["server"]["report"] = reported(leads=True, standbys={})
    hosts = [*(host(name) for name in NAMES), host("x-1", cluster="x", confirmations=0, backup_host="")]
    found = found_by_filter(hosts, answered({**well(), "x-1": alone}), DEFAULTS, {"backup-1": kept()})
    assert [one for one in found if not one["ok"]] == []
    assert [one["detail"] for one in found if one["check"] == LEADS[1]] == [
        "cluster lab: db-1 leads in term 3",
        "cluster x: x-1 leads in term 3",
    ]


@pytest.mark.parametrize("answer", [{}, {"unreachable": True, "msg": "No route to host"}])
def test_a_host_that_cannot_be_reached_is_a_failed_check(answer: dict[str, Any]) -> None:
    found = failures({**answered(well()), "db-3": answer})
    assert found.keys() == {member("db-3")} and "cannot be reached" in found[member("db-3")]


def test_an_agent_that_does_not_answer_is_a_failed_check_with_its_words() -> None:
    found = failures({**answered(well()), "db-2": {"failed": True, "msg": "postgresql-failover status: broken."}})
    assert found.keys() == {member("db-2")}
    assert "does not answer: postgresql-failover status: broken. Remedy: " in found[member("db-2")]


def test_hosts_that_all_say_nothing_are_failed_checks() -> None:
    assert failures({}).keys() == {LEADS, RULE, *map(member, NAMES)}


def test_a_leader_that_does_not_answer_is_not_known_to_be_a_primary() -> None:
    found = failures({**answered(well()), "db-1": {}})
    assert found.keys() == {LEADS, member("db-1")} and "does not say whether" in found[LEADS]


def test_a_host_without_a_majority_of_voters_is_told_and_the_others_are_not() -> None:
    silent: dict[str, Any] = {"answered": False, "leader": "", "ready": False, "term": 0, "rules": [], "members": {}}
    found = failures(changed("db-3", **silent))
    assert found.keys() == {member("db-3")} and "voters" in found[member("db-3")]


def test_a_host_whose_agent_does_not_work_is_told() -> None:
    there = {name: {"fit": True, "cut_off": 0} for name in ("db-1", "db-2")}
    found = failures(everywhere(members=there))
    assert found.keys() == {member("db-3")} and "its agent does not work" in found[member("db-3")]


def test_a_cluster_that_etcd_does_not_know_is_told() -> None:
    assert "knows no such cluster" in failures(everywhere(term=0, leader="", ready=False, rules=[], members={}))[LEADS]


def test_a_cluster_without_a_leader_is_told() -> None:
    found = failures(everywhere(leader="", ready=False))
    assert "nobody leads" in found[LEADS] and member("db-2") in found


def test_a_leader_that_is_not_ready_is_told() -> None:
    assert "is not ready" in failures(everywhere(ready=False))[LEADS]


def test_a_leader_whose_server_is_no_primary_is_told() -> None:
    for server in ({"primary": False}, {"running": False}):
        assert failures(changed("db-1", server)).keys() == {LEADS, member("db-1")}


def test_a_second_primary_is_told() -> None:
    found = failures(changed("db-3", {"primary": True, "receives": ""}))
    assert found.keys() == {LEADS, member("db-3")} and "a primary runs on db-3, too" in found[LEADS]


def test_a_primary_that_does_not_run_is_no_second_one() -> None:
    found = failures(changed("db-3", {"primary": True, "running": False, "receives": ""}))
    assert found.keys() == {member("db-3")}


def test_a_leader_that_is_not_declared_is_told() -> None:
    assert "db-9 leads and is not declared" in failures(everywhere(leader="db-9"))[LEADS]


def test_hosts_that_name_different_leaders_are_told() -> None:
    found = failures(changed("db-2", leader="db-3", term=4))
    assert "db-1 by db-3, db-3 by db-2" in found[LEADS]


@pytest.mark.parametrize("upstream", ["", "db-3"])
def test_a_standby_that_does_not_receive_from_the_leader_is_told(upstream: str) -> None:
    found = failures(changed("db-2", {"receives": upstream}))
    assert found.keys() == {member("db-2")} and f"receives from {upstream or 'nobody'}" in found[member("db-2")]


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [{"standbys": ["db-2"], "confirmations": 1}],
        [{"standbys": ["db-2", "db-3"], "confirmations": 2}],
        [{"standbys": ["db-2"], "confirmations": 1}, {"standbys": ["db-2", "db-3"], "confirmations": 1}],
    ],
)
def test_rules_that_are_not_those_declared_are_told(rules: list[dict[str, Any]]) -> None:
    found = failures(everywhere(rules=rules))
    assert found.keys() == {RULE} and "Declared: 1 of db-2, db-3" in found[RULE]


def test_a_changed_declaration_that_was_not_taken_over_is_told() -> None:
    assert "found 1 of db-2, db-3. Declared: 2 of" in failures(answered(well()), confirmations=2)[RULE]


@pytest.mark.parametrize("server", [{"stuck": "it ended 3 times"}, {"full": "/var has 3 MiB left"}])
def test_a_server_that_is_stuck_or_full_is_told_why(server: dict[str, str]) -> None:
    found = failures(changed("db-3", server))
    assert found.keys() == {fit("db-3")} and next(iter(server.values())) in found[fit("db-3")]


def test_a_server_that_its_agent_finds_unfit_is_told() -> None:
    there = {name: {"fit": name != "db-2", "cut_off": 0} for name in NAMES}
    assert failures(everywhere(members=there)).keys() == {fit("db-2")}
