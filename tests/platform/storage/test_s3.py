"""S3 from the cluster: by TLS, from any gateway, and to each user what is the user's own."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lab.machine.handmade import HandmadeError
from lab.storage.cluster import CLIENT, HOSTS, Storage
from tests.platform.storage.test_ceph import pytestmark as pytestmark
from tests.support import eventually

USERS: list[dict[str, Any]] = [{"name": "alice"}, {"name": "bob"}, {"name": "small", "quota_gib": 1}]
FIRST, OTHER = HOSTS
CONFIG = "/root/s3-{user}"


def put(storage: Storage, path: str, text: str) -> None:
    """Write a file of the client's that nobody else reads."""
    storage.run(CLIENT, "sh", "-c", f"umask 077; cat >{path} <<'END'\n{text}\nEND")


class Client:
    """s3cmd with one user's keys, on a machine that trusts the site's authority."""

    def __init__(self, storage: Storage, user: str) -> None:
        self.storage, self.user = storage, user
        files = [storage.state / "secrets" / f"s3-{user}-{kind}" for kind in ("access", "secret")]
        access, secret = (path.read_text(encoding="ascii").strip() for path in files)
        lines = ["[default]", f"access_key = {access}", f"secret_key = {secret}", "ca_certs_file = /root/ca.crt"]
        put(storage, CONFIG.format(user=user), "\n".join(lines))

    def __call__(self, *words: str, host: str = FIRST, check: bool = True) -> str:
        at = [f"--host={HOSTS[host]}", f"--host-bucket={HOSTS[host]}"]
        words = ("s3cmd", "--config", CONFIG.format(user=self.user), *at, *words)
        return self.storage.run(CLIENT, *words, check=check)


@pytest.fixture(scope="module")
def served(storage: Storage) -> Storage:
    """The cluster with gateways and users."""
    done = storage.playbook("s3", ceph_rgw_users=USERS)
    assert done.returncode == 0, done.stdout[-4000:]
    storage.run(CLIENT, "apt-get", "install", "--yes", "--no-install-recommends", "s3cmd", "curl")
    put(storage, "/root/ca.crt", (storage.state / "pki" / "ca.crt").read_text(encoding="ascii"))
    return storage


@pytest.fixture(scope="module")
def clients(served: Storage) -> dict[str, Client]:
    return {str(user["name"]): Client(served, str(user["name"])) for user in USERS}


def test_a_second_run_changes_nothing_and_check_mode_shows_nothing(served: Storage) -> None:
    for words in ([], ["--check", "--diff"]):
        done = served.playbook("s3", *words, ceph_rgw_users=USERS)
        assert done.returncode == 0, done.stdout[-4000:]
        assert set(re.findall(r"changed=(\d+)", done.stdout)) == {"0"}, done.stdout[-4000:]


def test_the_gateways_pools_are_not_too_many_for_two_osds(served: Storage, clients: dict[str, Client]) -> None:
    clients["alice"]("mb", "s3://first")
    served.wait_until_well()
    assert len(served.ceph("osd", "pool", "ls")) > 7


def test_every_gateway_has_what_was_given_to_another(clients: dict[str, Client]) -> None:
    clients["alice"]("mb", "s3://alice-data")
    clients["alice"]("put", "/usr/lib/os-release", "s3://alice-data/file")
    assert "PRETTY_NAME" in clients["alice"]("get", "s3://alice-data/file", "-", host=OTHER)


def test_a_user_reads_lists_and_removes_nothing_of_anothers(clients: dict[str, Client]) -> None:
    clients["alice"]("mb", "s3://alice-own")
    clients["alice"]("put", "/usr/lib/os-release", "s3://alice-own/file")
    for words in (
        ("ls", "s3://alice-own"),
        ("get", "s3://alice-own/file", "-"),
        ("put", "/usr/lib/os-release", "s3://alice-own/other"),
        ("del", "s3://alice-own/file"),
    ):
        with pytest.raises(HandmadeError, match=r"403|AccessDenied"):
            clients["bob"](*words)
    assert "alice" not in clients["bob"]("ls")


def test_nobody_is_heard_without_tls_or_believed_without_the_authority(served: Storage) -> None:
    def asked(*words: str) -> str:
        return served.run(CLIENT, "curl", "--silent", "--show-error", "--max-time", "5", *words)

    address = HOSTS[FIRST]
    assert "ListAllMyBucketsResult" in asked("--cacert", "/root/ca.crt", f"https://{address}/")
    with pytest.raises(HandmadeError, match="connect"):
        asked(f"http://{address}/")
    with pytest.raises(HandmadeError, match="certificate"):
        asked(f"https://{address}/")


def test_a_quota_of_a_user_stops_a_write(served: Storage, clients: dict[str, Client]) -> None:
    clients["small"]("mb", "s3://small-data")
    served.run(CLIENT, "truncate", "--size", "1100M", "/root/large")
    with pytest.raises(HandmadeError, match="QuotaExceeded"):
        clients["small"]("put", "/root/large", "s3://small-data/large")


def test_who_is_suspended_is_refused_and_comes_back_to_the_same_buckets(
    served: Storage, clients: dict[str, Client]
) -> None:
    clients["bob"]("mb", "s3://bob-data")
    users = [one if one["name"] != "bob" else {**one, "suspended": True} for one in USERS]
    assert served.playbook("s3", ceph_rgw_users=users).returncode == 0
    with pytest.raises(HandmadeError, match=r"403|UserSuspended"):
        clients["bob"]("ls")
    assert served.playbook("s3", ceph_rgw_users=USERS).returncode == 0
    assert "s3://bob-data" in clients["bob"]("ls")


def test_a_gateways_key_reaches_no_pool_of_the_filesystem(served: Storage) -> None:
    keyring = f"/var/lib/ceph/radosgw/ceph-rgw.{FIRST}/keyring"
    words = ("rados", "--name", f"client.rgw.{FIRST}", "--keyring", keyring, "--pool", "trial_data", "ls")
    with pytest.raises(HandmadeError, match=r"not permitted|denied"):
        served.run(FIRST, *words)


def test_status_tells_which_gateway_does_not_answer(served: Storage) -> None:
    unit = f"ceph-radosgw@rgw.{FIRST}.service"
    served.run(FIRST, "systemctl", "stop", unit)
    try:
        served.playbook("status", ceph_rgw_users=USERS)
    finally:
        served.run(FIRST, "systemctl", "start", unit)
    checks = {one["host"]: (one["ok"], one["detail"]) for one in served.status()["checks"] if one["layer"] == "s3"}
    assert checks[OTHER] == (True, "by TLS")
    assert not checks[FIRST][0]
    assert f"journalctl -u ceph-radosgw@rgw.{FIRST}" in checks[FIRST][1]


def test_a_gateway_that_died_comes_back_and_the_other_serves_meanwhile(
    served: Storage, clients: dict[str, Client]
) -> None:
    clients["alice"]("mb", "s3://alice-kept")
    unit = f"ceph-radosgw@rgw.{FIRST}.service"
    served.run(FIRST, "systemctl", "kill", "--signal", "KILL", unit)
    assert "s3://alice-kept" in clients["alice"]("ls", host=OTHER)
    eventually(lambda: "s3://alice-kept" in clients["alice"]("ls", check=False), 60, "it serves again")
