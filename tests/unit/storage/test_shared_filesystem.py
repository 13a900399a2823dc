"""What is wrong with a shared filesystem as declared, and with the place where it shall be mounted."""

from __future__ import annotations

import pytest

from plugins.module_utils.shared_filesystem import mount_problem, problems

EXISTING = {"monitors": ["192.0.2.1"], "filesystem": "cephfs", "user": "ai", "key": "secret"}


def test_a_filesystem_of_ones_own_or_one_that_exists_is_needed() -> None:
    assert problems(["storage-1"], {"worker-1": {}}, ["backup-1"]) == []
    assert problems([], {"worker-1": {"shared_filesystem_existing": EXISTING}}, []) == []
    client, backup = problems([], {"worker-1": {}}, ["backup-1"])
    assert "worker-1 is in group shared_filesystem, and there is no filesystem" in client
    assert "backup-1 is in group shared_filesystem_backup" in backup


def test_what_lacks_of_one_that_exists_is_named() -> None:
    existing = {**EXISTING, "key": "", "monitors": []}
    (problem,) = problems(["storage-1"], {"worker-1": {"shared_filesystem_existing": existing}}, [])
    assert "shared_filesystem_existing has no monitors, key" in problem


@pytest.mark.parametrize("said", ["", "\n", "mounted fuse.ceph-fuse\n"])
def test_a_place_that_is_free_or_has_it_is_fine(said: str) -> None:
    assert mount_problem(said, "worker-1", "/shared") == ""


def test_a_place_in_use_is_told() -> None:
    assert "kind ext4 is mounted there" in mount_problem("mounted ext4", "worker-1", "/shared")
    assert "it holds my thesis.tex" in mount_problem("holds my thesis.tex", "worker-1", "/shared")
