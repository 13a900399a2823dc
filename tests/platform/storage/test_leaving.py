"""A storage host goes when the others have what it holds, and comes back as an empty one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from lab.storage.cluster import CLIENT, FIRST, HOSTS, Storage
from tests.platform.postgresql.clients import assert_unchanged
from tests.platform.storage.test_ceph import SECOND
from tests.platform.storage.test_ceph import pytestmark as pytestmark

FILE = "/shared/homes/kept/file"
WRITE = f"mkdir -p /shared/homes/kept && head -c 64M /dev/urandom >{FILE} && sync"


@pytest.fixture
def written(storage: Storage) -> Iterator[str]:
    """The sum of a file that is on both hosts."""
    storage.run(CLIENT, "sh", "-ec", WRITE)
    yield storage.read(CLIENT, FILE)
    storage.run(CLIENT, "rm", FILE)


def remove(storage: Storage, host: str, **options: object) -> tuple[int, str]:
    """Status and output of remove_node.yml, as one line."""
    done = storage.playbook("remove_node", "--extra-vars", json.dumps({"node": host}), **options)
    return done.returncode, " ".join(done.stdout.split())


def test_the_only_monitor_stays(storage: Storage) -> None:
    code, said = remove(storage, FIRST)
    assert code != 0
    assert "no other host with a monitor can be reached" in said


def test_a_host_with_the_only_other_copy_stays(storage: Storage) -> None:
    code, said = remove(storage, SECOND)
    assert code != 0
    assert "without storage-2 1 hosts have OSDs, and there are 2 copies of everything" in said
    assert len(storage.ceph("osd", "ls")) == len(HOSTS)


def test_what_it_holds_is_moved_first_and_it_comes_back_empty(storage: Storage, written: str) -> None:
    storage.converge(ceph_replicas=1)
    code, said = remove(storage, SECOND, ceph_replicas=1)
    assert code == 0, said[-3000:]
    assert [node["name"] for node in storage.ceph("osd", "tree")["nodes"] if node["type"] == "host"] == [FIRST]
    storage.run(CLIENT, "systemctl", "restart", "shared-filesystem")  # it has cached nothing
    assert storage.read(CLIENT, FILE) == written
    storage.converge()
    storage.wait_until_well()
    assert len(storage.ceph("osd", "ls")) == len(HOSTS)
    assert storage.read(CLIENT, FILE) == written
    assert_unchanged(storage.converge())
