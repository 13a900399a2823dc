"""The day's snapshot: users read a file back that they have lost, and cannot take the snapshot away."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lab.machine.handmade import HandmadeError
from lab.storage.cluster import CLIENT, FIRST, Storage
from tests.platform.storage.test_ceph import pytestmark as pytestmark

HOME = "/shared/homes/kept-safe"
TURN = "cephfs-snapshots.service"
USER = "setpriv --reuid=4242 --regid=4242 --clear-groups"
TAKE_AWAY = """
import cephfs, sys
handle = cephfs.LibCephFS(auth_id="snapshots", conffile="/etc/ceph/ceph.conf")
handle.conf_set("keyring", "/etc/cephfs-snapshots/keyring")
handle.mount(mount_root=b"/homes", filesystem_name=b"trial")
for name in sys.argv[1:]:
    handle.rmdir(f"/.snap/{name}")
"""


def names(storage: Storage) -> list[str]:
    """The snapshots of all homes, as a client sees them."""
    return storage.run(CLIENT, "ls", "/shared/homes/.snap").split()


def as_user(storage: Storage, script: str) -> str:
    """What a shell of an ordinary user printed."""
    return storage.run(CLIENT, *USER.split(), "sh", "-ec", script)


@pytest.fixture
def home(storage: Storage) -> str:
    storage.run(CLIENT, "install", "-d", "-m0700", "-o4242", "-g4242", HOME)
    return HOME


def test_a_deleted_file_comes_back_from_the_days_snapshot(storage: Storage, home: str) -> None:
    as_user(storage, f"echo precious >{home}/file && sync {home}/file")
    today = f"daily-{datetime.now(UTC).date()}"
    # The day's snapshot was made with the cluster, before the file: have it made anew.
    storage.run(FIRST, "python3", "-c", TAKE_AWAY, *names(storage))
    storage.run(FIRST, "systemctl", "start", TURN)
    assert names(storage) == [today]
    as_user(storage, f"rm {home}/file")
    assert as_user(storage, f"cat {home}/.snap/_{today}_*/file") == "precious\n"
    as_user(storage, f"cp {home}/.snap/_{today}_*/file {home}/file && test $(cat {home}/file) = precious")


def test_a_user_cannot_take_it_away(storage: Storage, home: str) -> None:
    for place in (home, "/shared/homes"):
        with pytest.raises(HandmadeError, match=r"denied|not permitted|Invalid argument|No such file"):
            as_user(storage, f"rmdir {place}/.snap/*daily-*")
    with pytest.raises(HandmadeError, match=r"denied|not permitted"):
        storage.run(CLIENT, "sh", "-ec", "rmdir /shared/homes/.snap/daily-*")
    assert len(names(storage)) == 1


def test_a_further_turn_makes_no_further_one(storage: Storage) -> None:
    before = names(storage)
    storage.run(FIRST, "systemctl", "start", TURN)
    assert names(storage) == before
    assert storage.run(FIRST, "systemctl", "is-active", "cephfs-snapshots.timer").strip() == "active"


def test_its_key_reads_no_file(storage: Storage) -> None:
    with pytest.raises(HandmadeError, match=r"not permitted|denied"):
        storage.run(
            FIRST,
            *("rados", "--name", "client.snapshots", "--keyring", "/etc/cephfs-snapshots/keyring"),
            *("--pool", "trial_data", "--namespace", "homes", "ls"),
        )
