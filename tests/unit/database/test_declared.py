"""Contradictions between database hosts and voters are found before the first change."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.plugins.loader import filter_loader

from tests.unit.database.answers import DEFAULTS, host

VOTERS = ["etcd-1", "etcd-2", "etcd-3"]


def problems(*hosts: dict[str, Any], voters: list[str] = VOTERS) -> list[str]:
    """Return what the filter that preflight uses finds."""
    found = filter_loader.get("ai_infn.platform.postgresql_problems").j2_function(list(hosts), voters, DEFAULTS)
    assert isinstance(found, list)
    return found


def voter_problems(voters: list[str], control_planes: list[str]) -> list[str]:
    found = filter_loader.get("ai_infn.platform.etcd_voter_problems").j2_function(voters, control_planes)
    assert isinstance(found, list)
    return found


def test_a_site_without_database_hosts_has_no_problem() -> None:
    assert problems(voters=[]) == problems() == []


@pytest.mark.parametrize("number", [2, 3, 5])
def test_as_many_standbys_as_confirm_are_no_problem(number: int) -> None:
    assert problems(*(host(f"db-{index}") for index in range(number))) == []


def test_a_server_alone_that_needs_no_confirmation_is_no_problem() -> None:
    assert problems(host("db-1", confirmations=0)) == []


def test_options_as_text_are_no_problem() -> None:
    assert problems(host("db-1", version="17", failover_t1="3.0"), host("db-2")) == []


def test_fewer_standbys_than_confirm_a_commit_are_told_with_both_remedies() -> None:
    (problem,) = problems(host("db-1"))
    assert "Cluster lab: found 0 standbys beside the primary (db-1), needed 1" in problem
    assert "declare more hosts in group postgresql, or set postgresql_confirmations to 0" in problem


def test_each_cluster_counts_alone() -> None:
    (problem,) = problems(host("db-1"), host("db-2"), host("other-1", cluster="other"))
    assert problem.startswith("Cluster other: found 0 standbys")


def test_database_hosts_without_a_voter_are_told() -> None:
    (problem,) = problems(host("db-1"), host("db-2"), voters=[])
    assert "Voters: found none" in problem and "Remedy: declare hosts in group etcd" in problem


@pytest.mark.parametrize(("option", "value"), [("version", 15), ("port", 5433), ("confirmations", 2)])
def test_members_of_one_cluster_that_differ_are_named_with_their_values(option: str, value: int) -> None:
    (problem,) = problems(host("db-1"), host("db-2"), host("db-3", **{option: value}))
    for words in (
        f"found postgresql_{option} ",
        f"{DEFAULTS[f'postgresql_{option}']} of db-1, db-2",
        f"{value} of db-3",
    ):
        assert words in problem


def test_members_of_different_clusters_may_differ() -> None:
    other = {"cluster": "other", "version": 15, "port": 5433}
    assert problems(host("a-1"), host("a-2"), host("b-1", **other), host("b-2", **other)) == []


@pytest.mark.parametrize("t1", [4, 4.5])
def test_a_primary_that_stops_itself_no_sooner_than_its_lease_ends_is_a_problem(t1: float) -> None:
    (problem,) = problems(host("db-1", failover_t1=t1), host("db-2", failover_t1=t1))
    assert f"postgresql_failover_t1 of db-1, db-2: found {t1:g}" in problem and "which is 4" in problem


@pytest.mark.parametrize(("degrade_after", "expected"), [(0, 0), (4, 1), (4.5, 0)])
def test_commits_wait_for_standbys_longer_than_a_lease_or_for_ever(degrade_after: float, expected: int) -> None:
    found = problems(host("db-1", failover_degrade_after=degrade_after), host("db-2"))
    assert len(found) == expected
    assert all("postgresql_failover_degrade_after of db-1: found 4, needed 0 or more than" in one for one in found)


def test_a_lease_that_etcd_does_not_grant_is_a_problem() -> None:
    (problem,) = problems(host("db-1", failover_lease=1, failover_t1=0.5), host("db-2"))
    assert "postgresql_failover_lease of db-1: found 1, needed 2 or more" in problem


def test_all_problems_are_told_at_once() -> None:
    assert len(problems(host("db-1", version=15, failover_t1=9), host("db-2", confirmations=3), voters=[])) == 5


@pytest.mark.parametrize("number", [0, 1, 3, 5])
def test_an_odd_number_of_voters_or_none_is_no_problem(number: int) -> None:
    assert voter_problems([f"etcd-{index}" for index in range(number)], ["control-1"]) == []


def test_an_even_number_of_voters_is_a_problem() -> None:
    (problem,) = voter_problems(["etcd-2", "etcd-1"], [])
    assert "found 2 (etcd-1, etcd-2), needed an odd number" in problem


def test_a_voter_that_is_a_control_plane_is_a_problem() -> None:
    (problem,) = voter_problems(["control-1", "etcd-1", "etcd-2"], ["control-1", "control-2"])
    assert "kube_control_plane: control-1." in problem and "2379" in problem


def backup_problems(keepers: list[str]) -> list[str]:
    found = filter_loader.get("ai_infn.platform.postgresql_backup_problems").j2_function(keepers, ["db-1", "db-2"])
    assert isinstance(found, list)
    return found


def test_one_host_of_its_own_or_none_keeps_the_backups() -> None:
    assert backup_problems([]) == backup_problems(["backup-1"]) == []


def test_a_repository_on_a_database_host_and_a_second_one_are_told() -> None:
    second, both = backup_problems(["backup-1", "db-2"])
    assert "found backup-1, db-2, needed one host" in second
    assert "In group postgresql_backup and in group postgresql: db-2." in both


def proxy_problems(*proxies: dict[str, Any]) -> list[str]:
    databases = [host("db-1"), host("db-2", port=6432)]
    found = filter_loader.get("ai_infn.platform.postgresql_proxy_problems").j2_function(proxies, databases, DEFAULTS)
    assert isinstance(found, list)
    return found


def test_a_proxy_leads_to_a_cluster_and_has_ports_of_its_own() -> None:
    assert proxy_problems() == proxy_problems(host("web-1"), host("db-2")) == []
    (taken,) = proxy_problems(host("db-1"))
    assert "postgresql_proxy_port of db-1: found 5432, which is that of its own server" in taken
    (nowhere,) = proxy_problems(host("web-1", cluster="other"))
    assert "web-1 in group postgresql_proxy leads to the cluster other" in nowhere and "one of lab." in nowhere


@pytest.mark.parametrize(
    ("repository", "said"),
    [
        ({}, ""),
        ({"user": "pg", "bucket": "backups"}, ""),
        ({"endpoint": "s3", "bucket": "b", "access_key": "A", "secret_key": "S"}, ""),
        ({"endpoint": "s3", "bucket": "b"}, "found no access_key, secret_key, needed all three"),
        ({"user": "pg", "bucket": "other"}, "declare it there: {name: pg, buckets: [other]}"),
        ({"user": "nobody", "bucket": "backups"}, "found user nobody"),
    ],
)
def test_a_second_repository_has_a_storage_with_its_bucket(repository: dict[str, str], said: str) -> None:
    users = [{"name": "pg", "buckets": ["backups"]}, {"name": "nobody"}]
    look = filter_loader.get("ai_infn.platform.postgresql_repository_problems").j2_function
    found = look([repository], users)
    assert len(found) == bool(said)
    assert said in "".join(found)
