"""What is done to have a filesystem, and folders in it."""

from __future__ import annotations

import pytest

from plugins.module_utils.ceph.filesystems import State, Step, least, plan, serving, state
from plugins.module_utils.ceph.folders import Folder
from plugins.module_utils.ceph.folders import Step as FolderStep
from plugins.module_utils.ceph.folders import plan as folder_plan

POOLS = [{"pool_name": f"site_{kind}", "size": 3, "min_size": 2} for kind in ("metadata", "data")]
FILESYSTEMS = [{"name": "site", "metadata_pool": "site_metadata", "data_pools": ["site_data"]}]
THERE = state(POOLS, FILESYSTEMS)


def test_pools_and_filesystem_are_made_in_this_order() -> None:
    words = [step.words[:3] for step in plan(State({}, {}), "site", 3)]
    assert words[0] == ("osd", "pool", "create")
    assert words[-1] == ("fs", "new", "site")


def test_what_is_as_declared_is_left_alone() -> None:
    assert plan(THERE, "site", 3) == []


def test_another_number_of_copies_changes_the_pools_alone() -> None:
    steps = plan(THERE, "site", 2)
    assert [step.words[3:] for step in steps] == [
        (pool, what, number)
        for pool in ("site_metadata", "site_data")
        for what, number in (("size", "2"), ("min_size", "1"))
    ]


def test_the_managers_own_pool_has_as_many_copies() -> None:
    own = {"pool_name": "device_health_metrics", "size": 2, "min_size": 1}
    steps = plan(state([*POOLS, own], FILESYSTEMS), "site", 3)
    assert [step.words[3:6] for step in steps] == [
        ("device_health_metrics", "size", "3"),
        ("device_health_metrics", "min_size", "2"),
    ]


def test_a_single_copy_has_to_be_meant() -> None:
    steps = [step.words for step in plan(THERE, "site", 1)]
    words = [each for each in steps if "size" in each]
    assert all("--yes-i-really-mean-it" in each for each in words)
    assert len(words) == 2
    assert "mon_allow_pool_size_one" in steps[0]
    assert plan(state([{**pool, "size": 1, "min_size": 1} for pool in POOLS], FILESYSTEMS), "site", 1) == []


@pytest.mark.parametrize(("copies", "needed"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_more_than_half_of_an_odd_number_of_copies_take_a_write(copies: int, needed: int) -> None:
    assert least(copies) == needed


def test_a_filesystem_is_served_by_an_active_daemon() -> None:
    table = {"fs_name": "site", "info": {"gid_1": {"state": "up:standby"}}}
    dump = {"filesystems": [{"mdsmap": table}]}
    assert not serving(dump, "site")
    table["info"] = {"gid_1": {"state": "up:active"}}
    assert serving(dump, "site")
    assert not serving(dump, "other")


def test_a_new_folder_has_owner_mode_namespace_and_quota() -> None:
    wanted = Folder("/homes", 0o711, 1, 2, "homes", 10, 20)
    assert folder_plan(None, wanted) == [
        FolderStep("/homes", "make", 0o711),
        FolderStep("/homes", "owner", (1, 2)),
        FolderStep("/homes", "mode", 0o711),
        FolderStep("/homes", "ceph.dir.layout.pool_namespace", "homes"),
        FolderStep("/homes", "ceph.quota.max_bytes", 10),
        FolderStep("/homes", "ceph.quota.max_files", 20),
    ]


def test_a_folder_as_declared_is_left_alone_and_a_quota_can_be_changed() -> None:
    there = Folder("/homes", 0o711, 0, 0, "homes", 10)
    assert folder_plan(there, there) == []
    assert folder_plan(there, Folder("/homes", 0o711, 0, 0, "homes", 0)) == [
        FolderStep("/homes", "ceph.quota.max_bytes", 0)
    ]


def test_the_files_of_a_folder_stay_in_their_namespace() -> None:
    with pytest.raises(ValueError, match="/homes keeps its files in the namespace homes"):
        folder_plan(Folder("/homes", 0o711, namespace="homes"), Folder("/homes", 0o711, namespace="other"))


def test_steps_say_what_they_do() -> None:
    assert plan(State({}, {}), "site", 1)[-1] == Step(
        ("fs", "new", "site", "site_metadata", "site_data"), "make the filesystem site"
    )
