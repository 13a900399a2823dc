"""Playbooks name what is wrong with the database, and do nothing at a site that has none."""

from __future__ import annotations

import json
import platform
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import ROOT

HERE: dict[str, Any] = {"ansible_connection": "local", "ansible_become": False}
GONE: dict[str, Any] = {"ansible_host": "127.0.0.1", "ansible_port": 9}
DATABASE = {"hosts": {"db-1": HERE, "gone": GONE}}
VERSION = {"12": 15, "13": 17}.get(platform.freedesktop_os_release().get("VERSION_ID", ""))
CONTENT: dict[str, Any] = {
    "postgresql_databases": [{"name": "accounting", "owner": "accounting", "locale": "C.UTF-8"}],
    "postgresql_users": [{"name": "accounting", "conn_limit": 9}, {"name": "gone", "state": "absent"}],
    "postgresql_grants": [{"database": "accounting", "role": "PUBLIC", "privs": ["CONNECT"], "state": "absent"}],
}
WELL: dict[str, Any] = {
    "postgresql": {"hosts": {"db-1": HERE, "db-2": HERE}, "vars": CONTENT},
    "etcd": {"hosts": {"db-1": None, "db-2": None, "voter-1": HERE}},
}
NOTHING = {"bastion": {"hosts": {"bastion-1": HERE}}}


def run(playbook: str, folder: Path, groups: dict[str, Any], *words: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook at a site with these groups, which keeps its state in the folder."""
    variables = {"site_state_dir": str(folder), "site_name": "mine", "kubernetes_preflight_mirror": False}
    inventory = folder / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"all": {"vars": variables, "children": groups}}), encoding="utf-8")
    return subprocess.run(
        [str(ROOT / ".venv/bin/ansible-playbook"), "-i", str(inventory), f"playbooks/{playbook}.yml", *words],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


def words_of(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stdout + done.stderr).split())


def report(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the checks of the database that status.yml has written, by host and name."""
    document = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    return {(one["host"], one["check"]): one for one in document["checks"] if one["layer"] == "database"}


def test_preflight_names_every_contradiction_of_the_database_at_once(tmp_path: Path) -> None:
    hosts = {"hosts": {"db-1": HERE, "db-2": {**HERE, "postgresql_port": 5433, "postgresql_failover_t1": 9.0}}}
    done = run("preflight", tmp_path, {"postgresql": hosts, "etcd": {"hosts": {"v-1": HERE, "v-2": HERE}}})
    text = words_of(done)
    assert done.returncode == 2, text
    for words in ("found postgresql_port 5432 of db-1, 5433 of db-2", "postgresql_failover_t1 of db-2", "found 2 (v-1"):
        assert words in text


@pytest.mark.parametrize("groups", [NOTHING, WELL])
def test_preflight_says_nothing_of_a_database_that_is_well_declared_or_not_at_all(
    groups: dict[str, Any], tmp_path: Path
) -> None:
    done = run("preflight", tmp_path, groups)
    _, _, found = words_of(done).partition("Preflight found:")
    # Neither site has a control plane.
    assert "rescued=1" in done.stdout and found.lstrip("'-, ").startswith("Control planes"), words_of(done)


def test_a_version_that_the_hosts_system_has_not_is_refused_before_its_first_change(tmp_path: Path) -> None:
    done = run("preflight_hosts", tmp_path, {"postgresql": {"hosts": {"db-1": {**HERE, "postgresql_version": 9}}}})
    text = words_of(done)
    assert done.returncode == 2 and "db-1 is to have PostgreSQL 9, and runs" in text, text
    assert (
        "Needed: Debian 12 with PostgreSQL 15, or Debian 13 with PostgreSQL 17. Remedy: set postgresql_version" in text
    )


@pytest.mark.skipif(not VERSION, reason="this machine's system has no PostgreSQL that is tested")
def test_the_version_that_the_hosts_system_has_is_accepted(tmp_path: Path) -> None:
    hosts = {"db-1": {**HERE, "postgresql_version": VERSION}}
    done = run("preflight_hosts", tmp_path, {"postgresql": {"hosts": hosts}})
    assert "is to have PostgreSQL" not in done.stdout and "The host's system has the declared" in done.stdout


def test_no_play_of_the_database_runs_at_a_site_without_it(tmp_path: Path) -> None:
    done = run("database", tmp_path, NOTHING)
    assert done.returncode == 0 and "no hosts matched" in done.stdout and "TASK [" not in done.stdout, words_of(done)


def test_database_hosts_without_a_voter_are_left_alone(tmp_path: Path) -> None:
    done = run("database", tmp_path, {"postgresql": {"hosts": {"db-1": HERE, "db-2": HERE}}})
    assert done.returncode == 2 and "changed=0" in done.stdout, words_of(done)
    assert "Found database hosts (db-1, db-2) and no voter." in words_of(done)


PLAIN = {"postgresql_users": [{"name": "tom", "password": "hunter2"}]}
UNKNOWN = {
    "postgresql_databases": [{"name": "accounting", "owner": "nobody_there"}],
    "postgresql_version": VERSION,
}


def declaring(options: dict[str, Any]) -> dict[str, Any]:
    """Return the groups of a site that is well but for what its database hosts declare."""
    return {**WELL, "postgresql": {**WELL["postgresql"], "vars": options}}


@pytest.mark.parametrize("playbook", ["preflight", "database"])
def test_a_password_in_plain_text_stops_the_run_before_its_first_change_and_is_not_shown(
    playbook: str, tmp_path: Path
) -> None:
    done = run(playbook, tmp_path, declaring(PLAIN), "-vv", "--diff")
    text = words_of(done)
    assert done.returncode == 2 and "a password of user tom that is no SCRAM-SHA-256 verifier" in text, text
    assert "hunter2" not in done.stdout + done.stderr and not list(tmp_path.glob("pki"))


@pytest.mark.skipif(not VERSION, reason="this machine's system has no PostgreSQL that is tested")
@pytest.mark.parametrize("playbook", ["preflight_hosts", "database"])
def test_an_owner_who_is_not_there_and_not_to_be_made_stops_the_run_before_its_first_change(
    playbook: str, tmp_path: Path
) -> None:
    done = run(playbook, tmp_path, declaring(UNKNOWN))
    assert done.returncode == 2 and "the owner of database accounting: nobody_there" in words_of(done), words_of(done)
    assert not list(tmp_path.glob("pki"))


def test_status_has_no_checks_of_a_database_that_a_site_has_not(tmp_path: Path) -> None:
    run("status", tmp_path, NOTHING)
    assert report(tmp_path) == {}


def test_status_fails_by_name_for_hosts_that_are_gone_or_have_no_agent(tmp_path: Path) -> None:
    done = run("status", tmp_path, {"postgresql": DATABASE, "etcd": {"hosts": {"voter-1": HERE}}})
    found = report(tmp_path)
    assert done.returncode == 2 and {key for key, one in found.items() if one["ok"]} == {("site", "backups are recent")}
    server = "server leads or receives"
    assert "cannot be reached" in found["gone", server]["detail"]
    assert "its agent's program does not answer" in found["db-1", server]["detail"]
    assert "could say who leads" in found["site", "one server leads"]["detail"]
    assert "there are no backups" in found["site", "backups are recent"]["detail"]
    certificates = {host for host, check in found if check == "Read the certificate"}
    assert certificates == {"db-1", "voter-1"}


def test_status_fails_by_name_for_a_backup_host_that_says_nothing_of_its_backups(tmp_path: Path) -> None:
    run("status", tmp_path, {"postgresql": DATABASE, "postgresql_backup": {"hosts": {"backup-1": HERE}}})
    found = report(tmp_path)
    for check in ("backups are recent", "last backup can be restored"):
        assert "postgresql-backup-check is not there" in found["backup-1", check]["detail"]
    assert ("backup-1", "Read the certificate") in found


def test_a_backup_is_not_checked_where_nothing_can_check_it_and_check_mode_says_nothing_else(tmp_path: Path) -> None:
    groups = {"postgresql": DATABASE, "postgresql_backup": {"hosts": {"backup-1": HERE}}}
    done = run("check_backup", tmp_path, groups)
    assert done.returncode == 2 and "postgresql-backup-check is not there" in words_of(done), words_of(done)
    assert "it was not restored" in words_of(run("check_backup", tmp_path, groups, "--check"))


def test_a_host_of_which_nobody_says_whether_it_is_needed_is_not_removed(tmp_path: Path) -> None:
    groups = {"postgresql": {"hosts": {**DATABASE["hosts"], "db-2": HERE}}, "etcd": {"hosts": {"db-1": None}}}
    done = run("remove_node", tmp_path, groups, "-e", "node=db-1")
    text = words_of(done)
    assert done.returncode == 2 and "db-1 must stay" in text, text
    assert (
        "db-1 is a voter (group etcd): none of the other hosts" in text and "none of its other hosts says who" in text
    )


@pytest.mark.parametrize("node", ["nobody", "bastion-1"])
def test_a_host_without_a_database_server_is_not_switched_over_to(node: str, tmp_path: Path) -> None:
    done = run("switchover", tmp_path, {**NOTHING, "postgresql": DATABASE}, "-e", f"node={node}")
    assert done.returncode == 2 and f"db-1, gone. Found: {node}." in words_of(done), words_of(done)


def test_a_site_without_a_database_has_nothing_to_switch_over(tmp_path: Path) -> None:
    assert "there is none. Found: nothing." in words_of(run("switchover", tmp_path, NOTHING))
