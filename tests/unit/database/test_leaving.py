"""A host leaves only if commits go on without it, and a server leads only if it has what the leader has."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.plugins.loader import filter_loader
from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.leaving import lead_objection, relies_on

from tests.unit.database.answers import DEFAULTS, NAMES, answered, host, said, well


def reasons(
    name: str,
    answers: dict[str, Any] | None = None,
    names: tuple[str, ...] = NAMES,
    **options: Any,
) -> list[str]:
    """Return what the filter that remove_node.yml uses says; the host itself is not asked."""
    cluster = {one: what for one, what in well().items() if one in names and one != name}
    found = filter_loader.get("ai_infn.platform.postgresql_leave_problems").j2_function(
        [host(one, **options) for one in names], name, answered(cluster) | (answers or {}), DEFAULTS
    )
    assert isinstance(found, list)
    return found


def test_a_standby_that_is_not_needed_may_leave() -> None:
    assert reasons("db-3") == []


def test_a_host_without_a_part_in_it_may_leave() -> None:
    assert reasons("worker-1") == []


def test_a_leader_stays_and_its_successor_is_named() -> None:
    (reason,) = reasons("db-1")
    assert "db-1 leads cluster lab" in reason and "switchover.yml -e node=db-2" in reason


def test_a_standby_without_which_too_few_are_declared_stays() -> None:
    (reason,) = reasons("db-2", names=("db-1", "db-2"))
    assert "Without db-2 cluster lab has 0 standbys" in reason and "Needed: 1" in reason
    (reason,) = reasons("db-3", confirmations=2)
    assert "has 1 standbys" in reason and "Needed: 2" in reason


def test_a_leader_whose_successor_would_have_too_few_standbys_stays() -> None:
    (reason,) = reasons("db-1", names=("db-1", "db-2"))
    assert "Without db-1 cluster lab has 0 standbys" in reason


@pytest.mark.parametrize("answer", [{}, {"unreachable": True}, {"cluster": said("db-2", {"receives": ""})}])
def test_a_standby_stays_while_the_other_one_does_not_receive(answer: dict[str, Any]) -> None:
    (reason,) = reasons("db-3", {"db-2": answer})
    assert "receive from db-1: none" in reason


def test_a_host_stays_where_nobody_says_who_leads() -> None:
    (reason,) = reasons("db-3", {"db-1": {}, "db-2": {"msg": "no such file"}})
    assert "none of its other hosts says who leads" in reason


def test_a_host_stays_while_nobody_leads() -> None:
    nobody = {name: {"cluster": said(name, leader="", ready=False)} for name in NAMES[:2]}
    (reason,) = reasons("db-3", nobody)
    assert "nobody leads it" in reason


def test_a_host_of_a_cluster_that_was_not_made_yet_may_leave() -> None:
    unmade = {name: {"cluster": said(name, leader="", term=0, rules=[], members={})} for name in NAMES[:2]}
    assert reasons("db-3", unmade) == []


def test_the_last_database_host_stays() -> None:
    (reason,) = reasons("db-1", names=("db-1",), confirmations=0)
    assert "last database host of cluster lab" in reason


def test_commits_rely_on_a_member_until_others_have_confirmed_all_of_them() -> None:
    alone = [{"standbys": ["db-2"], "confirmations": 1}]
    assert relies_on(said("db-1"), "db-3")
    assert relies_on(said("db-1", rules=alone, settled=False), "db-3")
    assert not relies_on(said("db-1", rules=alone), "db-3")


def test_a_standby_that_receives_may_lead() -> None:
    assert lead_objection(said("db-2")) is None


def test_nothing_is_objected_to_who_leads_already() -> None:
    assert lead_objection(said("db-1")) is None


@pytest.mark.parametrize(
    ("server", "more", "words"),
    [
        ({}, {"answered": False, "leader": ""}, "voters does not answer"),
        ({}, {"leader": ""}, "nobody leads"),
        ({}, {"ready": False}, "just begun"),
        ({"receives": ""}, {}, "receives from nobody, needed: from db-1"),
        ({}, {"members": {"db-2": {"fit": False, "cut_off": 0}}}, "not fit"),
        ({}, {"members": {}}, "agent does not work"),
    ],
)
def test_a_server_that_could_not_lead_is_told_why(server: dict[str, Any], more: dict[str, Any], words: str) -> None:
    objection = lead_objection(said("db-2", server, **more))
    assert objection and words in objection and "Remedy: " in objection
