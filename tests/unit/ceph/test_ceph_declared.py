"""Contradictions in a declared Ceph cluster are found before the first change."""

from __future__ import annotations

from typing import Any

from plugins.module_utils.ceph.declared import problems

ONE = {"one": {"openstack_server_volumes": [{"name": "osd", "size": 10}]}}


def test_a_site_without_a_cluster_and_one_of_a_single_host_are_well() -> None:
    assert problems([], [], [], 0, {}) == []
    assert problems(["one"], ["one"], ["one"], 1, ONE) == []


def test_an_even_number_of_monitors_and_none_are_told() -> None:
    (said,) = problems(["one", "two"], ["one"], ["one"], 1, ONE)
    assert said.startswith("Monitors of Ceph: found 2 (one, two), needed an odd number")
    (said,) = problems([], ["one"], ["one"], 1, ONE)
    assert "found none" in said


def test_more_copies_than_hosts_are_told() -> None:
    (said,) = problems(["one"], ["one"], ["one"], 2, ONE)
    assert "ceph_replicas: found 2, needed 1 to 1" in said


def test_a_group_without_a_host_is_told() -> None:
    (said,) = problems(["one"], ["one"], [], 1, ONE)
    assert said.startswith("Group ceph_mds: found no host")


def test_a_host_without_a_device_and_one_with_a_small_one_are_told() -> None:
    hosts: dict[str, dict[str, Any]] = {"one": {}, "two": {"openstack_server_volumes": [{"name": "osd", "size": 3}]}}
    without, small = problems(["one"], ["one", "two"], ["one"], 2, hosts)
    assert "one is in group ceph_osd and has no device" in without
    assert "volume osd has 3 GiB, needed 4" in small


def test_disks_that_the_cloud_did_not_make_will_do() -> None:
    assert problems(["one"], ["one"], ["one"], 1, {"one": {"ceph_osd_devices": ["/dev/sdb"]}}) == []
