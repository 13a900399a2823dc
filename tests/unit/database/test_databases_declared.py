"""Contradictions between declared databases, users and grants are found before the first change."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.plugins.loader import filter_loader

from tests.unit.database.answers import DEFAULTS, host, said

VERIFIER = f"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==${43 * 'A'}=:{43 * 'B'}="
CONNECT: dict[str, Any] = {"database": "accounting", "role": "accounting", "privs": ["CONNECT"]}
WELL: dict[str, Any] = {
    "databases": [{"name": "accounting", "owner": "accounting", "extensions": ["pgcrypto"]}],
    "users": [
        {"name": "accounting", "member_of": ["pg_monitor", "readers"]},
        {"name": "readers", "role_attr_flags": ["NOLOGIN"], "conn_limit": 3},
        {"name": "given", "password": VERIFIER},
        {"name": "gone", "state": "absent"},
    ],
    "grants": [CONNECT, {**CONNECT, "role": "PUBLIC", "state": "absent"}],
}
LEADER = json.dumps({"databases": ["postgres", "old"], "users": ["postgres", "chaos"]})


def filtered(name: str, *hosts: dict[str, Any], **told: Any) -> list[str]:
    found = filter_loader.get(f"ai_infn.platform.{name}").j2_function(list(hosts), DEFAULTS, **told)
    assert isinstance(found, list)
    return found


def problems(**declared: Any) -> list[str]:
    """Return what is wrong with what two hosts declare, whatever the server has."""
    return filtered("postgresql_database_problems", host("db-1", **declared), host("db-2", **declared))


def problems_with(members: dict[str, Any], answers: dict[str, str], **declared: Any) -> list[str]:
    """Return what is wrong after hosts were asked."""
    hosts = host("db-1", **declared), host("db-2", **declared)
    return filtered("postgresql_database_problems", *hosts, members=members, answers=answers)


def problem(**declared: Any) -> str:
    (found,) = problems(**declared)
    assert "Needed: " in found and "Remedy: " in found
    return found


def test_a_declaration_that_is_well_and_none_at_all_are_no_problem() -> None:
    assert problems(**WELL) == problems() == filtered("postgresql_database_problems") == []
    assert filtered("postgresql_database_doubts", host("db-1", **WELL)) == []


@pytest.mark.parametrize("password", ["hunter2", "", "md5" + 32 * "0", VERIFIER[:-1], 12345])
def test_a_password_that_is_no_verifier_is_told_and_not_shown(password: Any) -> None:
    found = problem(users=[{"name": "tom", "password": password}])
    assert "a password of user tom that is no SCRAM-SHA-256 verifier" in found
    assert not password or str(password) not in found


@pytest.mark.parametrize("name", ["postgres", "replication", "pg_mine", "public"])
def test_roles_that_are_not_an_applications_are_refused(name: str) -> None:
    assert f"found {name} in postgresql_users, which is PostgreSQL's" in problem(users=[{"name": name}])


@pytest.mark.parametrize("name", ["postgres", "template0", "template1"])
def test_databases_of_the_server_itself_are_refused(name: str) -> None:
    assert f"found {name} in postgresql_databases" in problem(databases=[{"name": name, "state": "absent"}])


@pytest.mark.parametrize("name", ["Tom", "a-b", "1st", "", 'a"b', "a b", 64 * "x"])
def test_names_that_have_to_be_quoted_are_refused(name: str) -> None:
    assert "at most 63 small letters" in problem(users=[{"name": name}])
    assert "at most 63 small letters" in problem(databases=[{"name": name}])


@pytest.mark.parametrize("kind", ["users", "databases"])
def test_two_entries_of_one_name_are_told(kind: str) -> None:
    found = problem(**{kind: [{"name": "tom"}, {"name": "tom", "state": "absent"}]})
    assert f"found 2 entries of the name tom in postgresql_{kind}" in found


@pytest.mark.parametrize("entry", ["tom", 3, None, {}, {"name": 7}, {"password": "hunter2"}])
def test_an_entry_without_a_name_is_told_by_its_place_and_not_shown(entry: Any) -> None:
    found = problem(users=[{"name": "other"}, entry])
    assert "entry 2 of postgresql_users has no name" in found and "hunter2" not in found


def test_a_text_where_a_list_is_needed_is_told() -> None:
    assert "(tom): found member_of: readers. Needed: a list" in problem(users=[{"name": "tom", "member_of": "readers"}])
    assert "entry 1 of postgresql_databases has no name" in problem(databases={"accounting": {}})


def test_an_attribute_that_no_role_has_is_told() -> None:
    assert "found role_attr_flags SUPER of user tom" in problem(users=[{"name": "tom", "role_attr_flags": ["SUPER"]}])
    assert problems(users=[{"name": "tom", "role_attr_flags": ["createdb", "NOINHERIT"]}]) == []


@pytest.mark.parametrize("group", ["postgres", "replication", "tom"])
def test_a_role_that_must_not_have_members_is_told(group: str) -> None:
    found = problems(users=[{"name": "tom", "member_of": [group]}])
    assert f"user tom is to be a member of {group}" in found[0]


def test_hosts_of_one_cluster_that_declare_differently_are_told_and_others_may() -> None:
    hosts = host("db-1", users=[{"name": "a"}]), host("db-2", users=[{"name": "b", "password": "hunter2"}])
    (found,) = filtered("postgresql_database_problems", *hosts)
    assert "other postgresql_users of db-2 than of db-1" in found and "hunter2" not in found
    assert filtered("postgresql_database_problems", hosts[0], host("x-1", cluster="x", users=[{"name": "b"}])) == []


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"databases": [{"name": "a", "owner": "gone"}]}, "found the owner of database a: gone"),
        ({"users": [{"name": "gone", "state": "absent"}, {"name": "b", "member_of": ["gone"]}]}, "is to be a member"),
        ({"grants": [{"database": "postgres", "role": "gone", "privs": ["ALL"]}]}, "a role of a grant in database"),
    ],
)
def test_a_role_that_is_declared_absent_and_needed_is_told(declared: dict[str, Any], words: str) -> None:
    found = problem(**{"users": [{"name": "gone", "state": "absent"}], **declared})
    assert words in found and "which postgresql_users declares absent" in found


def test_a_grant_in_a_database_that_is_declared_absent_is_told_and_a_revocation_is_not() -> None:
    declared = {"databases": [{"name": "accounting", "state": "absent"}], "users": [{"name": "accounting"}]}
    assert "which postgresql_databases declares absent" in problem(**declared, grants=[CONNECT])
    assert problems(**declared, grants=[{**CONNECT, "state": "absent"}]) == []


UNKNOWN: dict[str, Any] = {"databases": [{"name": "accounting", "owner": "chaos"}]}
NO_AGENT = {"failed": True, "rc": 2, "msg": "Error executing command."}


def test_a_role_that_nobody_declares_is_a_doubt_which_the_server_that_leads_ends() -> None:
    assert problems(**UNKNOWN) == []
    assert filtered("postgresql_database_doubts", host("db-1", **UNKNOWN)) == ["chaos"]
    assert problems_with({"db-1": {"cluster": said("db-1")}}, {"db-1": LEADER, "db-2": ""}, **UNKNOWN) == []
    other = json.dumps({"databases": [], "users": ["postgres"]})
    (found,) = problems_with({}, {"db-1": "", "db-2": other}, **UNKNOWN)
    assert "the owner of database accounting: chaos, which postgresql_users does not declare" in found


@pytest.mark.parametrize("member", [NO_AGENT, {"cluster": {}}, {"cluster": said("db-1", term=0, leader="")}])
def test_a_cluster_that_none_of_its_hosts_knows_has_nobody(member: dict[str, Any]) -> None:
    (found,) = problems_with({"db-1": member, "db-2": NO_AGENT}, {}, **UNKNOWN)
    assert "no server that leads and has it" in found


@pytest.mark.parametrize("member", [{}, {"unreachable": True}, {"cluster": said("db-1", leader="")}, {"failed": True}])
def test_where_nobody_can_tell_a_doubt_stops_no_repair(member: dict[str, Any]) -> None:
    assert problems_with({"db-1": member, "db-2": NO_AGENT}, {"db-1": "", "db-2": ""}, **UNKNOWN) == []


def test_a_database_that_is_there_is_dropped_only_by_its_name() -> None:
    old: dict[str, Any] = {"databases": [{"name": "old", "state": "absent"}]}
    assert filtered("postgresql_database_doubts", host("db-1", **old)) == ["old"]
    (found,) = problems_with({}, {"db-1": LEADER}, **old)
    assert "database old is declared absent" in found and "-e postgresql_drop_confirmed=old" in found
    assert problems_with({}, {"db-1": LEADER}, **old, drop_confirmed=["other"]) == [found]
    for confirmed in (["old"], "old", "other,old"):
        assert problems_with({}, {"db-1": LEADER}, **old, drop_confirmed=confirmed) == []


def test_a_database_that_is_gone_already_needs_no_word() -> None:
    gone: dict[str, Any] = {"databases": [{"name": "gone", "state": "absent"}]}
    assert problems_with({}, {"db-1": LEADER}, **gone) == []


TABLES: dict[str, Any] = {**CONNECT, "type": "table", "privs": ["SELECT"], "objs": ["jobs"]}
LATER: dict[str, Any] = {**TABLES, "type": "default_privs", "objs": ["TABLES"], "target_roles": ["accounting"]}


def grant_problems(*grants: dict[str, Any]) -> list[str]:
    return problems(**{**WELL, "grants": list(grants)})


def test_grants_on_all_kinds_of_objects_are_no_problem() -> None:
    schema = {**CONNECT, "type": "schema", "privs": ["usage"], "objs": ["public"]}
    assert grant_problems(TABLES, LATER, schema, {**TABLES, "schema": "other"}, {**TABLES, "privs": ["INSERT"]}) == []


@pytest.mark.parametrize(
    ("grant", "words"),
    [
        ({**CONNECT, "privs": ["SELECT"]}, "found privs SELECT on a database"),
        ({**CONNECT, "privs": []}, "found privs none on a database"),
        ({**TABLES, "objs": []}, "found no objs"),
        ({**CONNECT, "schema": "public"}, "found a schema"),
        ({**LATER, "target_roles": []}, "found no target_roles with type default_privs"),
        ({**TABLES, "target_roles": ["accounting"]}, "found target_roles with type table"),
    ],
)
def test_a_grant_that_postgresql_has_not_is_told(grant: dict[str, Any], words: str) -> None:
    (found,) = grant_problems(grant)
    assert words in found and "Needed: " in found and "Remedy: " in found


@pytest.mark.parametrize(
    "other",
    [{}, {"state": "absent"}, {"privs": ["ALL"], "state": "absent"}, {"schema": "public"}],
)
def test_grants_that_each_run_would_change_by_each_other_are_told(other: dict[str, Any]) -> None:
    (found,) = grant_problems(TABLES, {**TABLES, **other})
    assert "two entries on the same objects" in found


def test_defaults_for_new_objects_have_one_entry() -> None:
    (found,) = grant_problems(LATER, {**LATER, "privs": ["INSERT"]})
    assert "two entries on the same objects of type default_privs" in found


def test_all_problems_are_told_at_once() -> None:
    declared = {"databases": [{"name": "A"}], "users": [{"name": "b", "password": "c"}, {"name": "b"}]}
    assert len(problems(**declared, grants=[{**CONNECT, "role": "b", "database": "postgres", "privs": ["NO"]}])) == 4
