"""A Ceph cluster of two hosts: it comes into being, stays as declared, and takes nobody's data for its own."""

from __future__ import annotations

import pytest

from lab.storage.cluster import CLIENT, FIRST, HOSTS, Storage
from tests.platform.postgresql.clients import assert_unchanged
from tests.platform.subjects import HOST, STORAGE

pytestmark = [
    pytest.mark.rotation("storage", *HOST, *STORAGE, "lab/storage", "lab/machine", "tests/platform/storage"),
    pytest.mark.duration(240),
]
SECOND = next(name for name in HOSTS if name != FIRST)


def test_check_mode_tells_what_would_become_of_hosts_with_nothing_on_them(foreseen: str) -> None:
    assert "ceph-mon" in foreseen
    assert "fsid = " in foreseen


def test_the_cluster_is_as_declared(storage: Storage) -> None:
    assert {pool["pool_name"]: pool["size"] for pool in storage.ceph("osd", "pool", "ls", "detail")} == {
        "device_health_metrics": 2,
        "trial_metadata": 2,
        "trial_data": 2,
    }
    status = storage.ceph("status")
    assert (status["osdmap"]["num_up_osds"], status["fsmap"]["up:standby"]) == (2, 1)
    hosts = [node["name"] for node in storage.ceph("osd", "tree")["nodes"] if node["type"] == "host"]
    assert sorted(hosts) == sorted(HOSTS)


def test_a_further_run_changes_nothing(storage: Storage) -> None:
    assert_unchanged(storage.converge("--check", "--diff"))
    assert_unchanged(storage.converge())


def test_everything_between_the_hosts_is_encrypted(storage: Storage) -> None:
    monitors = storage.ceph("mon", "dump")["mons"]
    kinds = {address["type"] for one in monitors for address in one["public_addrs"]["addrvec"]}
    assert kinds == {"v2"}
    for name in ("ms_cluster_mode", "ms_service_mode", "ms_client_mode"):
        assert storage.run(FIRST, "ceph", "config", "show", "osd.0", name).strip() == "secure"


def test_a_host_that_knows_nothing_of_its_osd_takes_it_from_the_device(storage: Storage) -> None:
    (number,) = next(node["children"] for node in storage.ceph("osd", "tree")["nodes"] if node["name"] == SECOND)
    storage.run(SECOND, "systemctl", "disable", "--now", f"ceph-osd@{number}.service")
    storage.run(SECOND, "sh", "-c", "rm -r /var/lib/ceph/osd/* /etc/ceph/*")
    storage.converge()
    storage.wait_until_well()
    assert len(storage.ceph("osd", "ls")) == len(HOSTS)
    assert_unchanged(storage.converge())


def test_a_device_with_anything_on_it_is_refused(storage: Storage) -> None:
    storage.run(FIRST, "sh", "-c", "truncate --size=64M /root/disk && mkfs.ext4 -q -L precious /root/disk")
    before = storage.run(FIRST, "sha256sum", "/root/disk")
    done = storage.playbook("storage", "--limit", FIRST, ceph_osd_devices=["/dev/vdb", "/root/disk"])
    assert done.returncode != 0
    assert "/root/disk is not empty: " in done.stdout
    assert "LABEL=precious" in done.stdout
    assert storage.run(FIRST, "sha256sum", "/root/disk") == before


def test_no_second_cluster_begins_where_the_monitor_has_lost_its_store(storage: Storage) -> None:
    folder = f"/var/lib/ceph/mon/ceph-{FIRST}"
    storage.run(FIRST, "sh", "-c", f"systemctl stop ceph-mon@{FIRST} && mv {folder} /root/store")
    done = storage.playbook("storage")
    assert done.returncode != 0
    assert "ceph-has-begun says that it began" in " ".join(done.stdout.split())
    assert storage.run(FIRST, "sh", "-c", f"test ! -e {folder} && echo none").strip() == "none"
    storage.run(FIRST, "sh", "-c", f"mv /root/store {folder} && systemctl start ceph-mon@{FIRST}")
    storage.wait_until_well()
    assert_unchanged(storage.converge())


def test_status_tells_how_cluster_and_mounts_are(storage: Storage) -> None:
    storage.wait_until_well()
    storage.run(CLIENT, "systemctl", "start", "shared-filesystem-backup.service")
    done = storage.playbook("status")
    checks = {(one["host"], one["check"]): one for one in storage.status()["checks"] if one["layer"] == "storage"}
    assert done.returncode == 0, storage.status()["failures"]
    assert {check for _, check in checks} == {
        "Ceph is healthy",
        "monitors vote",
        "OSDs are up",
        "metadata servers serve",
        "there is room",
        "snapshots are made",
        "shared filesystem is mounted",
        "shared filesystem is backed up",
    }
    assert checks[("localhost", "OSDs are up")]["detail"] == "2 of 2 are up, 2 hold data"


def test_status_tells_that_an_osd_is_down(storage: Storage) -> None:
    (number,) = next(node["children"] for node in storage.ceph("osd", "tree")["nodes"] if node["name"] == SECOND)
    storage.run(SECOND, "systemctl", "stop", f"ceph-osd@{number}.service")
    done = storage.playbook("status")
    assert done.returncode != 0
    assert any("OSDs are up: 1 of 2 are up" in failure for failure in storage.status()["failures"])
    storage.run(SECOND, "systemctl", "start", f"ceph-osd@{number}.service")
    storage.wait_until_well()
