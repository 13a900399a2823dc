"""Backups: one file and all of them come back with restic alone, and what is there is no use without the password."""

from __future__ import annotations

import pytest

from lab.machine.handmade import HandmadeError
from lab.storage.cluster import CLIENT, FIRST, Storage
from tests.platform.storage.test_ceph import pytestmark as pytestmark
from tests.platform.storage.test_snapshots import TAKE_AWAY, TURN, names

HOME = "/shared/homes/backed-up"
REPOSITORY = "/var/lib/shared-filesystem-backup/repository"
SERVICE = "shared-filesystem-backup.service"
PLACE = "/run/shared-filesystem-backup"
MAKE = f"""
install -d -m 0700 -o 4242 -g 4242 {HOME} {HOME}/deep
head -c 3M /dev/urandom >{HOME}/deep/data && echo precious >{HOME}/thesis && ln -sf thesis {HOME}/link
chown -R -h 4242:4242 {HOME} && chmod 0640 {HOME}/thesis && sync {HOME}/deep/data {HOME}/thesis
"""
SUMS = "find . -printf '%P %m %U:%G %l\\n' | sort; find . -type f -exec sha256sum {} + | sort"
"""All that a folder is: paths, modes, owners, links and contents."""


def shell(storage: Storage, script: str) -> str:
    """What a shell of the backup's host printed."""
    return storage.run(CLIENT, "sh", "-ec", script)


@pytest.fixture(scope="module")
def backed_up(storage: Storage) -> str:
    """What a home was when it was backed up; it is gone since."""
    storage.run(CLIENT, "systemctl", "start", SERVICE)  # one that runs already has ended, too
    shell(storage, MAKE)
    storage.run(FIRST, "python3", "-c", TAKE_AWAY, *names(storage))
    storage.run(FIRST, "systemctl", "start", TURN)
    storage.run(CLIENT, "systemctl", "start", SERVICE)
    before = shell(storage, f"cd {HOME} && {SUMS}")
    shell(storage, f"rm -r {HOME}")
    return before


def test_one_file_comes_back(storage: Storage, backed_up: str) -> None:
    path = f"{PLACE}/homes/backed-up/thesis"
    shell(storage, f"shared-filesystem-backup restic restore latest --include {path} --target /root/one")
    assert shell(storage, f"cat /root/one{path}") == "precious\n"
    assert shell(storage, "find /root/one -type f | wc -l").strip() == "1"


def test_all_of_it_comes_back_with_restic_and_the_password_alone(storage: Storage, backed_up: str) -> None:
    shell(storage, "cp /etc/shared-filesystem-backup/password /root/kept")
    shell(
        storage,
        f"restic --repo {REPOSITORY} --password-file /root/kept --no-cache restore latest --target /root/all",
    )
    assert shell(storage, f"cd /root/all{PLACE}/homes/backed-up && {SUMS}") == backed_up


def test_nobody_reads_it_without_the_password(storage: Storage, backed_up: str) -> None:
    shell(storage, "echo wrong >/root/wrong")
    with pytest.raises(HandmadeError, match="wrong password"):
        shell(storage, f"restic --repo {REPOSITORY} --password-file /root/wrong --no-cache snapshots")
    assert shell(storage, f"grep -rl precious {REPOSITORY} || echo none").strip() == "none"
    assert shell(storage, "stat --format=%a /etc/shared-filesystem-backup/password").strip() == "600"


def test_a_further_backup_reads_only_what_is_new(storage: Storage, backed_up: str) -> None:
    storage.run(CLIENT, "systemctl", "start", SERVICE)
    printed = shell(storage, f"journalctl --unit {SERVICE} --output cat | tail -n 20")
    assert '"ok": true' in printed
    added = next(int(line.split(":")[1].strip(" ,")) for line in printed.splitlines() if '"added"' in line)
    assert added < 100_000


def test_its_key_writes_nothing(storage: Storage) -> None:
    shell(storage, "mkdir -p /root/mnt && ceph-fuse --id backup --client_fs trial /root/mnt")
    try:
        with pytest.raises(HandmadeError, match=r"denied|not permitted"):
            shell(storage, "mkdir /root/mnt/homes/by-the-backup")
    finally:
        shell(storage, "umount /root/mnt")


def test_a_repository_that_is_away_is_not_begun_anew(storage: Storage, backed_up: str) -> None:
    shell(storage, f"mv {REPOSITORY} /root/away")
    with pytest.raises(HandmadeError):
        storage.run(CLIENT, "systemctl", "start", SERVICE)
    assert shell(storage, f"test ! -e {REPOSITORY} && echo none").strip() == "none"
    done = storage.playbook("status")
    assert done.returncode != 0
    assert any("has no repository any more" in failure for failure in storage.status()["failures"])
    shell(storage, f"mv /root/away {REPOSITORY} && systemctl start {SERVICE}")


def test_nothing_stays_mounted(storage: Storage) -> None:
    assert PLACE not in shell(storage, "cat /proc/mounts")
    assert "--id backup" not in shell(storage, "ps -C ceph-fuse -o args=")
