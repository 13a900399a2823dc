"""A Ceph cluster on guests made by hand, and a client of another release of Debian."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lab import settings
from lab.machine.handmade import Handmade, HandmadeError
from lab.machine.processes import wait_for

HOSTS = {f"storage-{number}": f"10.64.9.{180 + number}" for number in (1, 2)}
FIRST = "storage-1"
CLIENT, CLIENT_ADDRESS = "storage-client", "10.64.9.190"
DISK_MIB = 4096
LOCK = settings.STATE / "storage.lock"
"""Held by who has such a cluster, since its guests' names are the same for all."""
BUSY = HandmadeError("another test or measurement of the shared filesystem runs on this machine")
WELL = 120.0
"""Seconds within which a cluster has to be healthy."""


class Storage(Handmade):
    """Two hosts with OSDs and metadata servers, one of them with the monitor."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "storage-", {**HOSTS, CLIENT: CLIENT_ADDRESS}, suite="bookworm")

    @property
    def state(self) -> Path:
        """Folder of what the site's playbooks keep on this machine."""
        return self._folder / "state"

    def boot(self) -> None:
        """Boot the guests, those of the cluster with an empty disk each."""
        self.boot_guest(CLIENT, CLIENT_ADDRESS, {}, suite="trixie")
        with ThreadPoolExecutor(len(HOSTS)) as pool:
            list(pool.map(lambda host: self.boot_guest(host, HOSTS[host], {"b": DISK_MIB}), HOSTS))

    def playbook(self, name: str, *words: str, **options: object) -> subprocess.CompletedProcess[str]:
        """Run a playbook over the site, with further options of all hosts.

        With users of S3 it has gateways, and with clients of NFS a server of NFS.
        """
        variables = {
            **self.variables("trial"),
            "ceph_osd_devices": ["/dev/vdb"],
            "ceph_osd_memory_mib": 900,
            "ceph_settings": {"mon_data_avail_warn": 1},  # the disk is that of the machine below
            **options,
        }
        hosts: dict[str, Any] = {name: {"ansible_host": address} for name, address in HOSTS.items()}
        plain: dict[str, Any] = {name: {} for name in HOSTS}
        clients: dict[str, Any] = {CLIENT: {"ansible_host": CLIENT_ADDRESS}, FIRST: {}}
        groups = {
            "ceph_osd": {"hosts": hosts},
            "ceph_mds": {"hosts": plain},
            "ceph_mon": {"hosts": {FIRST: {}}},
            **({"ceph_rgw": {"hosts": plain}} if "ceph_rgw_users" in options else {}),
            **({"ceph_nfs": {"hosts": {FIRST: {}}}} if "ceph_nfs_clients" in options else {}),
            "shared_filesystem": {"hosts": clients},
            "shared_filesystem_backup": {"hosts": {CLIENT: {}}},
        }
        self.declare({"all": {"vars": variables, "children": groups}})
        return self.ansible(name, *words)

    def declare_client_alone(self, options: dict[str, object]) -> None:
        """Declare a site that has the client and no Ceph, with further options."""
        hosts: dict[str, Any] = {CLIENT: {"ansible_host": CLIENT_ADDRESS}}
        groups = {"shared_filesystem": {"hosts": hosts}}
        self.declare({"all": {"vars": {**self.variables("trial"), **options}, "children": groups}})

    def converge(self, *words: str, **options: object) -> str:
        """Have the cluster as declared; what the playbook printed. Raises HandmadeError."""
        done = self.playbook("storage", *words, **options)
        if done.returncode:
            raise HandmadeError(
                f"storage.yml ended with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-1000:]}"
            )
        return done.stdout

    def status(self) -> dict[str, Any]:
        """What status.yml has found last."""
        return dict(json.loads((self.state / "status.json").read_text(encoding="utf-8")))

    def ceph(self, *words: str) -> Any:
        """What the cluster answers to its administrator."""
        return json.loads(self.run(FIRST, "ceph", "--connect-timeout", "10", "--format", "json", *words))

    def health(self) -> dict[str, Any]:
        """The cluster's health, with what is wrong."""
        return dict(self.ceph("health", "detail"))

    def serving(self) -> str:
        """The host whose metadata server serves."""
        ranks = self.ceph("status")["fsmap"]["by_rank"]
        return next(str(one["name"]) for one in ranks if one["status"] == "up:active")

    def read(self, host: str, path: str, seconds: float = 60) -> str:
        """The sum of a file. Raises HandmadeError with what the cluster says where it does not come in time."""
        try:
            return self.run(host, "sha256sum", path, timeout=seconds).split()[0]
        except subprocess.TimeoutExpired as problem:
            asked = [
                *("ceph -s", "ceph health detail", "ceph osd dump", "ceph pg dump pgs_brief", "ceph fs dump"),
                *("ceph tell mds.* ops", "ceph tell mds.* session ls"),
            ]
            said = [self.run(FIRST, "timeout", "20", *command.split(), check=False) for command in asked]
            requests = "for socket in /run/ceph/*client*.asok; do ceph --admin-daemon $socket objecter_requests; done"
            said.append(self.run(host, "sh", "-c", requests, check=False))
            raise HandmadeError(f"{path} is not read within {seconds:.0f} s:\n" + "\n".join(said)) from problem

    def wait_until_well(self) -> None:
        """Return when the cluster is healthy. Raises HandmadeError."""
        if not wait_for(lambda: self.health()["status"] == "HEALTH_OK", WELL, 0.5):
            raise HandmadeError(f"the cluster is not healthy after {WELL:.0f} s: {self.health()}")
