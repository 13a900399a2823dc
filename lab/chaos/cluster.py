"""The cluster under test: guests made by hand with disks of limited size, set up by the collection's own playbook."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import settings
from lab.machine import image, podman
from lab.machine.handmade import Handmade, HandmadeError

PREFIX = "chaos-"
JOURNALS = settings.REPOSITORY / "build" / "chaos-journals"
"""What the hosts said when a playbook failed last."""
DISK_MIB = 640
DATA, WAL = "/srv/data", "/srv/wal"
PASSWORD = "chaos"  # noqa: S105  of a cluster that lives for the length of the rounds
DISKS = f"""
[Unit]
Description=Disks of limited size
Before=postgresql-failover.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'mkdir -p {DATA} {WAL} && mount /dev/vdb {DATA} && mount /dev/vdc {WAL}'
[Install]
RequiredBy=postgresql-failover.service
"""
TABLES = f"""
CREATE TABLE IF NOT EXISTS client (n bigint PRIMARY KEY, at timestamptz DEFAULT now());
CREATE TABLE IF NOT EXISTS beside (host text, n bigint, at timestamptz DEFAULT now());
DO $$ BEGIN CREATE ROLE chaos LOGIN PASSWORD '{PASSWORD}'; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT INSERT, SELECT ON client TO chaos;
"""


ChaosError = HandmadeError
"""The rounds cannot go on; the text says why."""


def _host(number: int) -> tuple[str, str]:
    return f"chaos-{number}", f"10.64.9.{150 + number}"


class Cluster(Handmade):
    """Database hosts by name, each a guest with one disk for the data and one for the log, and who keeps backups."""

    def __init__(
        self,
        folder: Path,
        size: int = 3,
        options: Mapping[str, object] | None = None,
        backups: bool = False,
        suite: str = image.SUITE,
    ) -> None:
        super().__init__(folder, PREFIX, dict(_host(number) for number in range(1, size + 1)), suite)
        self._voters = list(self.addresses)
        self.backup = {"chaos-backup": "10.64.9.150"} if backups else {}
        self._options = dict(options or {})

    def boot(self) -> None:
        """Boot the guests."""
        with ThreadPoolExecutor(len(self.hosts)) as pool:
            list(pool.map(self._boot, self.hosts))
        for name, address in self.backup.items():
            self.boot_guest(name, address, {})

    def add(self) -> str:
        """Boot another database host, which does not vote; its name."""
        name, address = _host(len(self.addresses) + 1)
        self.addresses[name] = address
        self._boot(name)
        return name

    def drop(self, host: str) -> None:
        """Declare a host no more; its guest goes on."""
        del self.addresses[host]

    def prepare(self) -> None:
        """Make what the writers need."""
        self.sql(self.leader(), TABLES)

    def configure(self, *words: str, **options: object) -> str:
        """Have the cluster as declared, with further options; what the playbook printed. Raises ChaosError."""
        self._options |= options
        self.declare(self._inventory())
        return self.playbook("database", *words)

    def playbook(self, name: str, *words: str) -> str:
        """Run a playbook on the cluster, and return what it printed. Raises ChaosError with its last words."""
        done = self.ansible(name, *words)
        if done.returncode:
            self.journals(JOURNALS)
            said = "\n".join(f"{host}: {self._last_words(host)}" for host in self.hosts)
            raise ChaosError(f"{name}.yml ended with {done.returncode}, see {JOURNALS}:\n{done.stdout[-3000:]}\n{said}")
        return done.stdout

    def sql(self, host: str, statement: str) -> str:
        """Run a statement as the superuser of a host's server."""
        psql = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-c", statement]
        return self.run(host, "runuser", "-u", "postgres", "--", *psql).strip()

    def status(self, host: str) -> dict[str, object]:
        """What the agent's program of a host says; empty while it cannot."""
        with contextlib.suppress(ValueError, subprocess.TimeoutExpired):
            return dict(json.loads(self.run(host, "postgresql-failover", "status", check=False, timeout=20)))
        return {}

    def leader(self) -> str:
        """Who leads, ready for clients; empty for nobody."""
        for host in self.hosts:
            seen = self.status(host)
            if seen.get("leader") and seen.get("ready"):
                return str(seen["leader"])
        return ""

    def wait_until_well(self, seconds: float) -> None:
        """Return when every host's server leads or receives. Raises ChaosError."""
        for host in self.hosts:
            try:
                self.run(host, "postgresql-failover", "await", "--seconds", str(seconds), timeout=seconds + 30)
            except (ChaosError, subprocess.TimeoutExpired) as problem:
                raise ChaosError(f"{host} is not back in the cluster after {seconds:.0f} s: {problem}") from problem

    def journals(self, folder: Path) -> None:
        """Write down what agents, guards, servers and voters said, for whoever asks why."""
        folder.mkdir(parents=True, exist_ok=True)
        units = ("postgresql-failover", "postgresql-failover-guard", "postgresql-cluster", "etcd", "pgbackrest-server")
        for host in [*self.hosts, *self.backup]:
            command = ["journalctl", "--no-pager", "-o", "short-precise", *(f"--unit={unit}" for unit in units)]
            (folder / f"{host}.log").write_text(self.run(host, *command, check=False), encoding="utf-8")

    def _last_words(self, host: str) -> str:
        command = ["journalctl", "--no-pager", "-o", "cat", "--unit=postgresql-cluster", "--lines=10"]
        return self.run(host, *command, check=False)

    def processes(self, host: str) -> list[int]:
        """The server's processes, by the numbers of the machine below."""
        container = podman.podman("inspect", "--format={{.Id}}", f"lab-{host}").strip()
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                ours = folder.name.isdigit() and container in (folder / "cgroup").read_text(encoding="utf-8")
                if ours and (folder / "comm").read_text(encoding="utf-8").strip() == "postgres":
                    found.append(int(folder.name))
        return found

    @property
    def authority(self) -> Path:
        """The certificates of those who signed those of the hosts."""
        return self._folder / "state" / "pki" / "trusted.crt"

    def conninfo(self) -> str:
        """How a client reaches whoever is primary."""
        names, addresses = ",".join(self.addresses), ",".join(self.addresses.values())
        return (
            f"host={names} hostaddr={addresses} dbname=postgres user=chaos password={PASSWORD} sslmode=verify-full"
            f" sslrootcert={self.authority} target_session_attrs=read-write connect_timeout=2"
            " tcp_user_timeout=3000 keepalives_idle=2 keepalives_interval=1 keepalives_count=2"
        )

    def _boot(self, host: str) -> None:
        self.boot_guest(host, self.addresses[host], {"b": DISK_MIB, "c": DISK_MIB}, format_as="ext4")
        self.run(host, "sh", "-c", f"cat >/etc/systemd/system/chaos-disks.service <<'END'{DISKS}END\n")
        self.run(host, "systemctl", "enable", "--now", "chaos-disks.service")
        self.wait_until_booted(host)

    def _inventory(self) -> dict[str, object]:
        hosts = {name: {"ansible_host": address} for name, address in self.addresses.items()}
        variables = {
            **self.variables("chaos"),
            "postgresql_data_dir": f"{DATA}/main",
            "postgresql_wal_dir": f"{WAL}/main",
            "postgresql_wal_keep_size": "160MB",
            "pgbackrest_settings": {"io-timeout": 5},
            "postgresql_client_cidrs": ["0.0.0.0/0"],
            "postgresql_settings": {"max_wal_size": "160MB", "min_wal_size": "80MB", "checkpoint_timeout": "30s"},
            **self._options,
        }
        keeper = {name: {"ansible_host": address} for name, address in self.backup.items()}
        voters: dict[str, object] = {name: {} for name in self._voters}
        groups = {
            "postgresql": {"hosts": hosts},
            "etcd": {"hosts": voters},
            "postgresql_backup": {"hosts": keeper},
            "postgresql_proxy": {"hosts": {name: {} for name in keeper}},
        }
        return {"all": {"vars": variables, "children": groups}}
