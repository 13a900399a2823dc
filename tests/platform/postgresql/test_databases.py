"""Databases, users and grants are as declared, wherever the lead is, and no server is told a password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.scram import verifier

from lab.chaos.cluster import ChaosError, Cluster
from lab.chaos.rounds import WELL
from tests.platform.postgresql.clients import MARKS, ask, assert_unchanged, changed

pytestmark = MARKS

ACCOUNTING: dict[str, Any] = {"name": "accounting", "owner": "accounting", "extensions": ["pgcrypto", "uuid-ossp"]}
OLD: dict[str, Any] = {"name": "old", "owner": "accounting", "encoding": "UTF8", "locale": "C.UTF-8"}
USERS: list[dict[str, Any]] = [
    {"name": "accounting"},
    {"name": "readers", "role_attr_flags": ["NOLOGIN"]},
    {"name": "anna", "member_of": ["readers", "pg_monitor"], "conn_limit": 5},
    {"name": "given", "password": verifier("pencil", b"salt of the test")},
]
GRANTS: list[dict[str, Any]] = [
    {"database": "accounting", "role": "PUBLIC", "privs": ["CONNECT", "TEMPORARY"], "state": "absent"},
    {"database": "accounting", "role": "readers", "privs": ["CONNECT"]},
    {
        "database": "accounting",
        "role": "readers",
        "type": "default_privs",
        "target_roles": ["accounting"],
        "objs": ["TABLES"],
        "privs": ["SELECT"],
    },
]
DECLARED: dict[str, Any] = {
    "postgresql_databases": [ACCOUNTING, OLD],
    "postgresql_users": USERS,
    "postgresql_grants": GRANTS,
}
WHO = "SELECT current_user, current_database()"
AS_ACCOUNTING = (
    *("runuser", "-u", "postgres", "--", "psql", "-Xq", "-d", "accounting"),
    *("-c", "SET ROLE accounting", "-c"),
)
DROP = ("-e", "postgresql_drop_confirmed=old")


def secret(cluster: Cluster, user: str) -> Path:
    """Where a generated password is kept."""
    return cluster.authority.parents[1] / "secrets" / f"postgresql-chaos-{user}"


def password(cluster: Cluster, user: str) -> str:
    return secret(cluster, user).read_text(encoding="utf-8").strip()


def client(cluster: Cluster, user: str, statement: str = WHO, **replaced: str) -> str:
    """What a user gets in the database for accounting, by the generated password over verify-full."""
    words = {"user": user, "dbname": "accounting", **replaced}
    if "password" not in words:
        words["password"] = password(cluster, user)
    return ask(cluster, statement, **words)


def refused(cluster: Cluster, *words: str, **options: Any) -> str:
    """What a run printed that changed nothing, without its line breaks."""
    with pytest.raises(ChaosError):
        cluster.configure(*words, **options)
    text = (cluster.authority.parents[2] / "playbook.log").read_text(encoding="utf-8")
    assert_unchanged(text)
    return " ".join(text.split())


def said(cluster: Cluster) -> str:
    """All that the servers have written into their hosts' journals."""
    command = ("journalctl", "--no-pager", "--unit=postgresql-cluster")
    return "".join(cluster.run(host, *command) for host in cluster.hosts)


@pytest.fixture
def all_logged(cluster: Cluster) -> Iterator[None]:
    """Whoever leads logs every statement."""
    leader = cluster.leader()
    cluster.sql(leader, "ALTER SYSTEM SET log_statement = 'all'")
    cluster.sql(leader, "SELECT pg_reload_conf()")
    yield
    cluster.sql(leader, "ALTER SYSTEM RESET log_statement")
    cluster.sql(leader, "SELECT pg_reload_conf()")


def test_a_database_that_is_declared_from_the_beginning_is_there(cluster: Cluster) -> None:
    assert ask(cluster, WHO, user="first", dbname="first", password=password(cluster, "first")) == "rows first first"
    assert secret(cluster, "first").stat().st_mode & 0o777 == 0o600


def test_a_password_in_plain_text_is_refused_before_the_first_change(cluster: Cluster) -> None:
    text = refused(cluster, "-vv", "--diff", postgresql_users=[{"name": "tom", "password": "hunter2hunter2"}])
    assert "a password of user tom that is no SCRAM-SHA-256 verifier" in text
    assert "hunter2" not in text and "hunter2" not in said(cluster)


def test_an_owner_who_is_not_there_is_refused_before_the_first_change(cluster: Cluster) -> None:
    lost = {"name": "lost", "owner": "nobody_there"}
    text = refused(cluster, postgresql_users=[], postgresql_databases=[lost])
    assert "the owner of database lost: nobody_there" in text


def test_check_mode_says_what_would_be_made_and_makes_no_secret(cluster: Cluster) -> None:
    counts = changed(cluster.configure("--check", "--diff", **DECLARED))
    assert [host for host, number in counts.items() if number] == [cluster.leader()], counts
    assert not secret(cluster, "accounting").exists()
    assert cluster.sql(cluster.leader(), "SELECT count(*) FROM pg_roles WHERE rolname = 'accounting'") == "0"


def test_users_are_let_in_by_their_passwords_and_where_they_are_granted_it(cluster: Cluster) -> None:
    cluster.configure(**DECLARED)
    assert client(cluster, "accounting") == "rows accounting accounting"
    digest = "SELECT length(digest('x', 'sha256')), uuid_nil()"
    assert client(cluster, "accounting", digest) == "rows 32 00000000-0000-0000-0000-000000000000"
    cluster.run(cluster.leader(), *AS_ACCOUNTING, "CREATE TABLE jobs AS SELECT 7 AS n")
    assert client(cluster, "anna", "SELECT n, current_user FROM jobs") == "rows 7 anna"
    assert "password authentication failed" in client(cluster, "anna", password="wrong")
    assert client(cluster, "given", password="pencil", dbname="postgres") == "rows given postgres"
    assert "CONNECT privilege" in client(cluster, "given", password="pencil")
    # Neither a role that cannot log in nor one with a password of its own has a secret here.
    assert not secret(cluster, "readers").exists() and not secret(cluster, "given").exists()


def test_a_second_run_changes_nothing_and_what_is_not_declared_is_left_alone(cluster: Cluster) -> None:
    assert_unchanged(cluster.configure("--check", "--diff"))
    assert_unchanged(cluster.configure())
    assert ask(cluster, WHO, user="first", dbname="first", password=password(cluster, "first")) == "rows first first"


def test_after_a_switchover_a_run_changes_nothing(cluster: Cluster) -> None:
    target = next(host for host in cluster.hosts if host != cluster.leader())
    cluster.run(target, "postgresql-failover", "switchover", "--to", target)
    cluster.wait_until_well(WELL)
    assert_unchanged(cluster.configure())
    assert cluster.leader() == target
    assert client(cluster, "accounting") == "rows accounting accounting"


@pytest.mark.usefixtures("all_logged")
def test_a_password_is_replaced_by_a_run_without_its_file_and_no_log_has_it(cluster: Cluster) -> None:
    leader, before = cluster.leader(), password(cluster, "accounting")
    secret(cluster, "accounting").unlink()
    assert changed(cluster.configure("--check", "--diff"))[leader] == 1
    assert not secret(cluster, "accounting").exists()
    output = cluster.configure("-vv", "--diff")
    assert changed(output)[leader] == 1
    assert_unchanged(cluster.configure())
    after = password(cluster, "accounting")
    assert client(cluster, "accounting") == "rows accounting accounting"
    assert "password authentication failed" in client(cluster, "accounting", password=before)
    log = said(cluster)
    assert "ALTER USER" in log and "SCRAM-SHA-256$4096:" in log
    assert before not in log and after not in log and after not in output


def test_a_database_is_dropped_only_by_its_name_and_then_needs_no_word(cluster: Cluster) -> None:
    there = "SELECT count(*) FROM pg_database WHERE datname = 'old'"
    less = [ACCOUNTING, {"name": "old", "state": "absent"}]
    gone = [*USERS[:3], {"name": "given", "state": "absent"}]
    assert "-e postgresql_drop_confirmed=old" in refused(cluster, postgresql_databases=less, postgresql_users=gone)
    assert cluster.sql(cluster.leader(), there) == "1"
    assert changed(cluster.configure(*DROP, "--check", "--diff"))[cluster.leader()] == 2
    assert cluster.sql(cluster.leader(), there) == "1"
    cluster.configure(*DROP)
    assert cluster.sql(cluster.leader(), there) == "0"
    assert cluster.sql(cluster.leader(), "SELECT count(*) FROM pg_roles WHERE rolname = 'given'") == "0"
    assert_unchanged(cluster.configure())
