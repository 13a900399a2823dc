"""PostgreSQL's backups on the S3 of this cluster: made there, too, and brought back when the backup host is lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from lab.alone import alone
from lab.chaos.__main__ import LOCK
from lab.chaos.cluster import ChaosError, Cluster
from lab.storage.cluster import HOSTS, Storage
from tests.support import eventually

pytestmark = [
    pytest.mark.rotation(
        "second-repository",
        "roles/pgbackrest",
        "roles/ceph_rgw",
        "plugins/modules/pgbackrest",
        "plugins/module_utils/postgresql/backups",
        "plugins/modules/ceph_s3_users",
        "playbooks/s3.yml",
        "lab/storage",
        "tests/platform/storage/test_second_repository",
    ),
    pytest.mark.duration(240),
]
GATEWAY, ADDRESS = next(iter(HOSTS.items()))
USERS = [{"name": "pgbackrest", "buckets": ["pgbackrest"]}]
ALONE = {"postgresql_confirmations": 0}
KEEPER = "chaos-backup"


@pytest.fixture(scope="module")
def second(storage: Storage) -> dict[str, Any]:
    """A repository in a bucket of its own."""
    done = storage.playbook("s3", ceph_rgw_users=USERS)
    assert done.returncode == 0, done.stdout[-4000:]
    access, secret = (
        (storage.state / "secrets" / f"s3-pgbackrest-{kind}").read_text(encoding="ascii").strip()
        for kind in ("access", "secret")
    )
    keys = {"access_key": access, "secret_key": secret}
    return {"endpoint": ADDRESS, "bucket": "pgbackrest", **keys, "authority": str(storage.state / "pki/trusted.crt")}


@pytest.fixture(scope="module")
def cluster(second: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A database server with both repositories."""
    options = {**ALONE, "pgbackrest_second_repository": second}
    made = Cluster(tmp_path_factory.mktemp("second") / "site", size=1, options=options, backups=True)
    with alone(LOCK, ChaosError("other rounds run on this machine")):
        made.remove()
        try:
            made.boot()
            made.configure()
            yield made
        finally:
            made.remove()


def info(cluster: Cluster) -> dict[str, Any]:
    words = ("runuser", "-u", "postgres", "--", "pgbackrest", "--output=json", "--log-level-console=off", "info")
    (found,) = json.loads(cluster.run(KEEPER, *words))
    return dict(found)


def test_each_repository_has_a_backup_and_the_log(cluster: Cluster) -> None:
    found = info(cluster)
    assert {one["key"]: one["status"]["code"] for one in found["repo"]} == {1: 0, 2: 0}
    assert {one["database"]["repo-key"] for one in found["backup"]} == {1, 2}
    assert {one["database"]["repo-key"]: bool(one["max"]) for one in found["archive"]} == {1: True, 2: True}


def test_a_second_run_changes_nothing(cluster: Cluster) -> None:
    assert set(re.findall(r"changed=(\d+)", cluster.configure())) == {"0"}


def test_backups_that_are_due_are_made_in_both(cluster: Cluster) -> None:
    before = [one["label"] for one in info(cluster)["backup"]]
    cluster.run(KEEPER, "systemctl", "start", "pgbackrest-incr.service", timeout=180)
    made = [one for one in info(cluster)["backup"] if one["label"] not in before]
    assert sorted(one["database"]["repo-key"] for one in made) == [1, 2]


def test_a_check_of_the_last_backup_needs_no_storage(cluster: Cluster) -> None:
    """It has no network, and proves the backups on its host."""
    cluster.playbook("check_backup")


def test_commits_go_on_while_the_storage_is_away_and_the_log_arrives_afterwards(
    cluster: Cluster, storage: Storage
) -> None:
    units = {host: f"ceph-radosgw@rgw.{host}.service" for host in HOSTS}
    newest = {one["database"]["repo-key"]: one["max"] for one in info(cluster)["archive"]}
    storage.run(GATEWAY, "systemctl", "stop", units[GATEWAY])
    try:
        cluster.sql("chaos-1", "CREATE TABLE kept AS SELECT 1 AS n; SELECT pg_switch_wal()")
    finally:
        storage.run(GATEWAY, "systemctl", "start", units[GATEWAY])
    cluster.sql("chaos-1", "INSERT INTO kept VALUES (2); SELECT pg_switch_wal()")

    def arrived() -> bool:
        now = {one["database"]["repo-key"]: one["max"] for one in info(cluster)["archive"]}
        return all(now[key] > newest[key] for key in (1, 2)) and now[1] == now[2]

    eventually(arrived, 120, "both have the log")


def test_all_of_it_comes_back_from_the_second_when_the_first_is_lost(cluster: Cluster) -> None:
    cluster.run(KEEPER, "sh", "-c", "rm -rf /var/lib/pgbackrest/*")
    cluster.playbook("restore", "-e", "postgresql_restore_confirmed=true")
    eventually(lambda: cluster.leader() == "chaos-1", 60, "the server leads")
    assert cluster.sql("chaos-1", "SELECT string_agg(n::text, ',' ORDER BY n) FROM kept") == "1,2"
    cluster.configure()
    found = info(cluster)
    assert {one["database"]["repo-key"] for one in found["backup"]} == {1, 2}, "the first is begun anew"
