"""The filesystem by NFS: each user what is the user's own, for machines of the site alone, whatever dies.

Proven by the protocol, as the kernel below these guests has no client of NFS: what users do is done by libnfs, and the
kernel's mount is followed to where the kernel is asked.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.machine.processes import wait_for
from lab.storage.cluster import CLIENT, CLIENT_ADDRESS, FIRST, HOSTS, Storage
from tests.platform.postgresql.clients import assert_unchanged
from tests.platform.storage.test_ceph import SECOND
from tests.platform.storage.test_ceph import pytestmark as pytestmark
from tests.platform.storage.test_snapshots import TAKE_AWAY, TURN, names

OPTIONS = {"ceph_nfs_clients": [CLIENT_ADDRESS]}
USER, OTHER = 4301, 4302
HOME = f"/homes/{USER}"
SERVER = "nfs-ganesha.service"
BACK_S = 60.0
"""Within this a server is there again: 5 s until it starts, and its clients of Ceph take over from those before."""
GRACE_S = 120.0
"""Within this files are opened again: for 60 s only those who had one open may, and none of libnfs's comes back."""
QUOTA = """
import cephfs, sys
handle = cephfs.LibCephFS(auth_id="admin", conffile="/etc/ceph/ceph.conf")
handle.mount(filesystem_name=b"trial")
handle.setxattr(sys.argv[1], "ceph.quota.max_bytes", sys.argv[2].encode(), 0)
handle.shutdown()
"""
EVICT = """
import json, subprocess
ceph = lambda *words: subprocess.run(["ceph", "tell", "mds.0", "session", *words], capture_output=True, check=True)
for one in json.loads(ceph("ls").stdout):
    if one["client_metadata"].get("entity_id", "").startswith("nfs."):
        ceph("evict", f"id={one['id']}")
"""
POD = "ip netns exec pod"
NETWORK = f"""
ip netns add pod
ip link add pod0 type veth peer name eth0 netns pod
ip address add 10.99.0.1/24 dev pod0 && ip link set pod0 up
{POD} ip address add 10.99.0.2/24 dev eth0 && {POD} ip link set eth0 up
{POD} ip route add default via 10.99.0.1
sysctl --quiet --write net.ipv4.ip_forward=1
nft add table ip pod
nft add chain ip pod out '{{ type nat hook postrouting priority srcnat; }}'
nft add rule ip pod out ip saddr 10.99.0.0/24 masquerade
"""
"""A network as a pod has it, whose packets leave with the host's address."""


def url(path: str, user: int) -> str:
    """What libnfs calls a file of the server's, as a user says to be."""
    return f"nfs://{HOSTS[FIRST]}{path}?version=4&uid={user}&gid={user}"


def listing(path: str, user: int = USER) -> str:
    """The command that lists a folder."""
    return f"timeout 20 nfs-ls '{url(path, user)}'"


def writing(path: str, size: int = 6, user: int = USER) -> str:
    """The command that makes a file of so many bytes, which are ``mine\n`` again and again."""
    return f"yes mine | head --bytes={size} >/root/source; timeout 60 nfs-cp /root/source '{url(path, user)}'"


def shell(storage: Storage, script: str, host: str = CLIENT) -> str:
    """What a shell of a host's root printed. Raises HandmadeError."""
    return storage.run(host, "sh", "-ec", script)


def refused(storage: Storage, command: str, host: str = CLIENT) -> str:
    """What a command said when it failed. Raises HandmadeError where it does not."""
    return shell(storage, f"! ({command}) 2>&1", host)


def read(storage: Storage, path: str) -> str:
    """A file's text. Raises HandmadeError."""
    return shell(storage, f"timeout 60 nfs-cat '{url(path, USER)}'")


@pytest.fixture(scope="module")
def served(storage: Storage) -> Storage:
    """The cluster with a server of NFS, a user's home, and programs that speak NFS."""
    storage.converge(**OPTIONS)
    for host in (CLIENT, SECOND):
        storage.run(host, "apt-get", "install", "--yes", "--no-install-recommends", "libnfs-utils", timeout=300)
    for user in (USER, OTHER):
        home = f"/shared/homes/{user}"
        storage.run(FIRST, "sh", "-ec", f"rm -rf {home} && install -d -m0700 -o{user} -g{user} {home}")
    return storage


def test_check_mode_and_a_further_run_change_nothing(served: Storage) -> None:
    assert_unchanged(served.converge("--check", "--diff", **OPTIONS))
    assert_unchanged(served.converge(**OPTIONS))


def test_what_a_user_writes_is_the_users_own_and_everywhere(served: Storage) -> None:
    shell(served, writing(f"{HOME}/file"))
    assert read(served, f"{HOME}/file") == "mine\nm"
    owner = served.run(FIRST, "stat", "--format=%u %g", f"/shared{HOME}/file").split()
    assert owner == [str(USER), str(USER)]
    assert served.run(CLIENT, "cat", f"/shared{HOME}/file") == "mine\nm"


def test_nobody_else_sees_it_neither_root(served: Storage) -> None:
    for user in (OTHER, 0):
        assert "NFS4ERR_ACCESS" in refused(served, listing(HOME, user))


def test_environments_are_read_and_not_written(served: Storage) -> None:
    assert shell(served, listing("/environments")) == ""
    assert "NFS4ERR_ROFS" in refused(served, writing("/environments/file", user=0))


def test_a_quota_stops_who_writes(served: Storage) -> None:
    full = f"{HOME}/full"
    served.run(FIRST, "python3", "-c", QUOTA, HOME, str(1 << 20))
    refused(served, writing(full, size=8 << 20))
    assert int(served.run(FIRST, "stat", "--format=%s", f"/shared{full}")) < 8 << 20
    assert read(served, f"{HOME}/file") == "mine\nm"
    served.run(FIRST, "python3", "-c", QUOTA, HOME, "0")
    shell(served, writing(f"{HOME}/not-full", size=8 << 20))


def test_users_read_snapshots_back_and_write_none(served: Storage) -> None:
    served.run(FIRST, "python3", "-c", TAKE_AWAY, *names(served))
    served.run(FIRST, "systemctl", "start", TURN)
    (name,) = served.run(CLIENT, "ls", f"/shared{HOME}/.snap").split()
    assert name in shell(served, listing(f"{HOME}/.snap"))
    assert read(served, f"{HOME}/.snap/{name}/file") == "mine\nm"
    assert "Failed to creat" in refused(served, writing(f"{HOME}/.snap/{name}/other"))


def test_machines_that_are_no_clients_are_shown_nothing(served: Storage) -> None:
    assert "NFS4ERR_NOENT" in refused(served, listing("/environments"), SECOND)


def test_programs_that_are_not_roots_are_shown_nothing(served: Storage) -> None:
    assert "NFS4ERR_NOENT" in refused(served, f"setpriv --reuid={USER} --clear-groups {listing('/environments')}")


def test_nothing_else_of_nfs_listens(served: Storage) -> None:
    listening = served.run(FIRST, "ss", "--no-header", "--listening", "--numeric", "--tcp", "--udp", "--processes")
    programs = ("ganesha", "rpcbind", "rpc.statd")
    ours = [line.split() for line in listening.splitlines() if any(name in line for name in programs)]
    assert [(line[0], line[4].rpartition(":")[2]) for line in ours] == [("tcp", "2049")]


def test_the_server_is_there_again_and_nothing_is_lost(served: Storage) -> None:
    shell(served, writing(f"{HOME}/before", size=1 << 20))
    for fault in (["systemctl", "kill", "--signal=KILL", SERVER], ["python3", "-c", EVICT]):
        served.run(FIRST, *fault)
        assert wait_for(lambda: "before" in served.run(CLIENT, "sh", "-c", listing(HOME), check=False), BACK_S, 0.5)
    text = ("sh", "-c", f"timeout 20 nfs-cat '{url(f'{HOME}/before', USER)}'")
    assert wait_for(lambda: served.run(CLIENT, *text, check=False) == ("mine\n" * (1 << 18))[: 1 << 20], GRACE_S, 1)


def test_status_tells_whether_it_serves(served: Storage) -> None:
    def told() -> dict[str, object]:
        served.playbook("status", **OPTIONS)
        return next(one for one in served.status()["checks"] if one["check"] == "the server of NFS serves")

    assert told()["ok"]
    served.run(FIRST, "systemctl", "stop", SERVER)
    assert not told()["ok"]
    served.run(FIRST, "systemctl", "start", SERVER)
    assert told()["ok"]


@pytest.fixture(scope="module")
def mounting(served: Storage) -> Iterator[str]:
    """What a site says that has a client by NFS and no Ceph: what storage.yml ended with. The client is Ceph's again
    afterwards."""
    existing = {"server": HOSTS[FIRST]}
    served.declare_client_alone({"shared_filesystem_existing": existing, "shared_filesystem_mount": "/mnt/by-nfs"})
    stopped = served.ansible("preflight_hosts").stdout
    served.ansible("storage")
    yield " ".join(stopped.split())
    served.run(CLIENT, "systemctl", "disable", "--now", "shared-filesystem-guard.service", "shared-filesystem.service")
    served.run(CLIENT, "nft", "delete", "table", "inet", "ai_infn_shared_filesystem", check=False)
    served.converge(**OPTIONS)


def test_a_kernel_without_nfs_stops_before_the_first_change(mounting: str) -> None:
    assert "its kernel knows no filesystem of kind nfs4" in mounting


def test_the_mount_gets_as_far_as_the_kernel_and_is_tried_again(served: Storage, mounting: str) -> None:
    said = ("journalctl", "--unit=shared-filesystem.service", "--output=cat")
    assert wait_for(lambda: served.run(CLIENT, *said).count("No such device") > 1, 30, 0.5)


def test_a_pod_reaches_no_server_of_nfs(served: Storage, mounting: str) -> None:
    shell(served, NETWORK)
    try:
        assert "nfs_service failed" in refused(served, f"{POD} {listing(HOME)}")
        assert "file" in shell(served, listing(HOME))
        # What it would see without the guard, whatever user it says to be.
        served.run(CLIENT, "nft", "delete", "table", "inet", "ai_infn_shared_filesystem")
        assert "file" in shell(served, f"{POD} {listing(HOME)}")
    finally:
        served.run(CLIENT, "sh", "-c", "ip netns delete pod; nft delete table ip pod")
