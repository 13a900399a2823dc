"""The shared filesystem on hosts: they see each other's files, and a client may no more than it should."""

from __future__ import annotations

import pytest

from lab.machine.handmade import HandmadeError
from lab.machine.processes import wait_for
from lab.storage.cluster import CLIENT, FIRST, HOSTS, Storage
from tests.platform.storage.test_ceph import pytestmark as pytestmark

SERVICE = "shared-filesystem.service"
READ = ("timeout", "20", "cat", "/shared/homes/one/file")
RADOS = f"rados --name client.host.{FIRST}"
"""Past the metadata servers, with the key of a host that mounts the filesystem."""


def shell(storage: Storage, host: str, script: str) -> str:
    """What a shell of a host's root printed."""
    return storage.run(host, "sh", "-ec", script).strip()


def client(storage: Storage, host: str) -> str:
    """The process that has the filesystem mounted on a host, or 0."""
    return storage.run(host, "systemctl", "show", "--property=MainPID", "--value", SERVICE).strip()


def refused(storage: Storage, script: str, host: str = CLIENT) -> str:
    """What a shell of a host said when it failed."""
    with pytest.raises(HandmadeError) as caught:
        shell(storage, host, script)
    return str(caught.value)


def test_two_hosts_see_each_others_files(storage: Storage) -> None:
    shell(
        storage,
        CLIENT,
        "install -d -m 0700 /shared/homes/one && echo written >/shared/homes/one/file && sync /shared/homes/one/file",
    )
    assert shell(storage, FIRST, "cat /shared/homes/one/file") == "written"
    shell(storage, FIRST, "echo more >>/shared/homes/one/file")
    assert shell(storage, CLIENT, "cat /shared/homes/one/file") == "written\nmore"


def test_environments_are_read_and_not_written(storage: Storage) -> None:
    assert shell(storage, CLIENT, "ls /shared/environments") == ""
    assert "denied" in refused(storage, "touch /shared/environments/file")


def test_the_top_is_not_for_clients(storage: Storage) -> None:
    assert "denied" in refused(storage, "mkdir /shared/other")


def test_no_client_makes_or_deletes_a_snapshot(storage: Storage) -> None:
    assert "denied" in refused(storage, "mkdir /shared/homes/.snap/mine")


def test_no_client_gives_itself_another_quota(storage: Storage) -> None:
    program = "import os; os.setxattr('/shared/homes/one', 'ceph.quota.max_bytes', b'1')"
    assert "PermissionError" in refused(storage, f'python3 -c "{program}"')


@pytest.mark.parametrize("pool", ["trial_metadata", "device_health_metrics"])
def test_the_osds_refuse_the_other_pools(storage: Storage, pool: str) -> None:
    assert "not permitted" in refused(storage, f"{RADOS} --pool {pool} ls", FIRST)


def test_the_osds_refuse_to_write_what_environments_hold(storage: Storage) -> None:
    words = f"{RADOS} --pool trial_data --namespace"
    assert "not permitted" in refused(storage, f"echo mine | {words} environments put mine -", FIRST)
    shell(storage, FIRST, f"echo mine | {words} homes put mine - && {words} homes rm mine")


def test_a_client_that_is_killed_comes_back(storage: Storage) -> None:
    process = client(storage, CLIENT)
    shell(storage, CLIENT, f"kill -9 {process}")
    assert wait_for(lambda: storage.run(CLIENT, *READ, check=False) != "", 30, 0.2)
    assert client(storage, CLIENT) != process


@pytest.mark.parametrize("host", [CLIENT, FIRST])
def test_a_client_that_was_turned_away_is_mounted_again(storage: Storage, host: str) -> None:
    """The servers have ended its session twice; from the first time it recovers by itself."""
    server = f"mds.{storage.serving()}"
    process = client(storage, host)
    for _ in range(2):
        assert wait_for(lambda: storage.run(host, *READ, check=False) != "", 30, 0.5)
        sessions = storage.ceph("tell", server, "session", "ls")
        own = [one["id"] for one in sessions if one["client_metadata"]["entity_id"] == f"host.{host}"]
        assert own, sessions
        for session in own:  # that of a client which was killed before is there for a while, too
            storage.run(FIRST, "ceph", "tell", server, "client", "evict", f"id={session}")
    assert wait_for(lambda: client(storage, host) not in (process, "0"), 30, 0.5)
    assert wait_for(lambda: storage.run(host, *READ, check=False) != "", 30, 0.5)


def test_a_client_that_mounts_while_nobody_serves_waits(storage: Storage) -> None:
    """A unit that failed would fail the run that had restarted it, as where one server takes over from another."""
    before = client(storage, CLIENT)
    for host in HOSTS:
        shell(storage, host, f"systemctl stop ceph-mds@{host}")
    storage.run(CLIENT, "systemctl", "restart", "--no-block", SERVICE)
    assert wait_for(lambda: client(storage, CLIENT) not in (before, "0"), 60, 0.2)
    mounting = client(storage, CLIENT)
    for host in HOSTS:
        shell(storage, host, f"systemctl start ceph-mds@{host}")
    assert wait_for(lambda: storage.run(CLIENT, *READ, check=False) != "", 90, 0.5)
    assert client(storage, CLIENT) == mounting


def test_a_client_that_boots_has_it_again(storage: Storage) -> None:
    storage.start(CLIENT)
    storage.wait_until_booted(CLIENT)
    assert wait_for(lambda: storage.run(CLIENT, "cat", "/shared/homes/one/file", check=False) != "", 60, 0.5)
