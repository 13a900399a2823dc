"""A filesystem that exists: mounted by address and key, on a host whose site has no Ceph of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from lab.machine.handmade import HandmadeError
from lab.storage.cluster import CLIENT, FIRST, HOSTS, Storage
from tests.platform.postgresql.clients import assert_unchanged
from tests.platform.storage.test_ceph import pytestmark as pytestmark

ENTITY = "client.other-site"
FOLDER = "/groups/other-site"
MOUNT = "/mnt/other"


@pytest.fixture(scope="module")
def existing(storage: Storage) -> Iterator[dict[str, object]]:
    """What the owner of the filesystem tells another site; afterwards the client is this site's again."""
    storage.run(CLIENT, "mkdir", "-p", f"/shared{FOLDER}")
    allowed = ["mon", "allow r", "mds", f"allow rw path={FOLDER}", "osd", "allow rw pool=trial_data namespace=groups"]
    key = storage.ceph("auth", "get-or-create", ENTITY, *allowed)[0]["key"]
    yield {
        "shared_filesystem_existing": {
            "monitors": [f"[v2:{HOSTS[FIRST]}:3300]"],
            "filesystem": "trial",
            "user": ENTITY.removeprefix("client."),
            "key": key,
            "folder": FOLDER,
        },
        "shared_filesystem_mount": MOUNT,
    }
    storage.run(CLIENT, "systemctl", "stop", "shared-filesystem.service")
    storage.run(FIRST, "ceph", "auth", "rm", ENTITY)
    storage.converge()


def elsewhere(storage: Storage, options: dict[str, object], name: str = "storage", *words: str) -> str:
    """Run a playbook over a site that has the client alone; what it printed. Raises HandmadeError."""
    storage.declare_client_alone(options)
    done = storage.ansible(name, *words)
    if done.returncode:
        raise HandmadeError(done.stdout[-4000:])
    return done.stdout


def test_it_is_mounted_and_a_further_run_changes_nothing(storage: Storage, existing: dict[str, object]) -> None:
    elsewhere(storage, existing)
    storage.run(CLIENT, "sh", "-ec", f"echo from-there >{MOUNT}/file && sync {MOUNT}/file")
    assert storage.run(FIRST, "cat", f"/shared{FOLDER}/file") == "from-there\n"
    assert_unchanged(elsewhere(storage, existing))
    assert_unchanged(elsewhere(storage, existing, "storage", "--check", "--diff"))


def test_it_shows_nothing_but_the_folder(storage: Storage, existing: dict[str, object]) -> None:
    assert storage.run(CLIENT, "ls", MOUNT).split() == ["file"]


def test_status_tells_that_it_is_mounted(storage: Storage, existing: dict[str, object]) -> None:
    storage.declare_client_alone(existing)
    storage.ansible("status")
    checks = {one["check"]: one["ok"] for one in storage.status()["checks"] if one["layer"] == "storage"}
    assert checks == {"shared filesystem is mounted": True}


def test_what_lacks_and_a_place_in_use_stop_before_a_change(storage: Storage, existing: dict[str, object]) -> None:
    place = "/srv/in-use"
    storage.run(CLIENT, "sh", "-ec", f"mkdir -p {place} && touch {place}/precious")
    with pytest.raises(HandmadeError) as told:
        elsewhere(storage, existing | {"shared_filesystem_mount": place}, "preflight_hosts")
    assert "it holds precious" in " ".join(str(told.value).split())
    lacking = json.loads(json.dumps(existing))
    del lacking["shared_filesystem_existing"]["key"]
    with pytest.raises(HandmadeError) as told:
        elsewhere(storage, lacking, "preflight")
    assert "shared_filesystem_existing" in str(told.value)
