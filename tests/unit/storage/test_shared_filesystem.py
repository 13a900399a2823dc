"""What is wrong with a shared filesystem as declared, and with the place where it shall be mounted."""

from __future__ import annotations

import pytest

from plugins.module_utils.shared_filesystem import mount_problem, nfs_leave_problem, problems

EXISTING = {"monitors": ["192.0.2.1"], "filesystem": "cephfs", "user": "ai", "key": "secret"}


NFS: dict[str, object] = {"shared_filesystem_existing": {"server": "192.0.2.9"}}
BY_NFS: dict[str, object] = {"shared_filesystem_client": "nfs"}


def found(
    monitors: list[str], client: dict[str, object], backups: list[str] | None = None, servers: list[str] | None = None
) -> list[str]:
    return problems(monitors, {"worker-1": client}, backups or [], servers or [])


def test_a_filesystem_of_ones_own_or_one_that_exists_is_needed() -> None:
    assert found(["storage-1"], {}, ["backup-1"], ["storage-1"]) == []
    assert found([], {"shared_filesystem_existing": EXISTING}) == []
    assert found([], NFS) == []
    client, backup, server = found([], {}, ["backup-1"], ["storage-1"])
    assert "worker-1 is in group shared_filesystem, and there is no filesystem" in client
    assert "backup-1 is in group shared_filesystem_backup" in backup
    assert "storage-1 is in group ceph_nfs" in server


def test_what_lacks_of_one_that_exists_is_named() -> None:
    existing = {**EXISTING, "key": "", "monitors": []}
    (problem,) = found(["storage-1"], {"shared_filesystem_existing": existing})
    assert "shared_filesystem_existing has no monitors, key" in problem
    (problem,) = found([], {"shared_filesystem_existing": EXISTING, **BY_NFS})
    assert "shared_filesystem_existing has no server" in problem


def test_one_that_exists_is_a_cephfs_or_nfs_and_not_both() -> None:
    (problem,) = found([], {"shared_filesystem_existing": {**EXISTING, "server": "192.0.2.9"}})
    assert "has a server and monitors, filesystem, user, key" in problem
    (problem,) = found([], {**NFS, "shared_filesystem_client": "ceph"})
    assert "ceph is its client" in problem


def test_a_client_of_nfs_needs_a_server() -> None:
    (problem,) = found(["storage-1"], BY_NFS)
    assert "group ceph_nfs has no host" in problem
    assert found(["storage-1"], BY_NFS, servers=["storage-1"]) == []


SERVERS = {"storage-1": {"ansible_host": "192.0.2.1"}, "storage-2": {"openstack_server_address": "192.0.2.2"}}


def test_a_server_from_which_others_mount_stays() -> None:
    clients = {"worker-1": BY_NFS, "worker-2": {**BY_NFS, "shared_filesystem_nfs_server": "192.0.2.2"}, "worker-3": {}}
    assert "serves the shared filesystem by NFS to worker-1," in nfs_leave_problem(clients, "storage-1", SERVERS)
    assert "serves the shared filesystem by NFS to worker-2," in nfs_leave_problem(clients, "storage-2", SERVERS)


def test_a_server_goes_whom_only_itself_or_nobody_uses() -> None:
    assert nfs_leave_problem({"storage-1": BY_NFS, "worker-3": {}}, "storage-1", SERVERS) == ""


@pytest.mark.parametrize("said", ["", "\n", "mounted ours\n"])
def test_a_place_that_is_free_or_has_it_is_fine(said: str) -> None:
    assert mount_problem(said, "worker-1", "/shared") == ""


def test_a_place_in_use_is_told() -> None:
    assert "kind ext4 is mounted there" in mount_problem("mounted ext4", "worker-1", "/shared")
    assert "it holds my thesis.tex" in mount_problem("holds my thesis.tex", "worker-1", "/shared")
