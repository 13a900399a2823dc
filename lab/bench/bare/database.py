"""The reference: a database cluster by hand, as a practised person types it, on all hosts at once.

The end is that of our side without what fails over: voters, one primary, two standbys that confirm, TLS for all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.bench.bare import fill
from lab.bench.guests import NETWORK, Host, Shell
from lab.commands import run

SYNCHRONOUS = "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 ({names})'"


class BareDatabase:
    """Makes a database cluster by hand."""

    name = "reference"
    authority = "/etc/bench/ca.crt"

    def __init__(self, folder: Path) -> None:
        self._shell = Shell(folder)

    def cluster(self, hosts: Sequence[Host]) -> None:
        """From booted guests to three voters, a primary and two standbys."""
        first, *others = hosts
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(len(hosts)) as pool:
            certificates = signed(Path(folder), hosts)
            list(pool.map(lambda host: self._prepare(host, hosts, certificates), hosts))
            self._shell.run(first, fill("database-primary.sh", CONFIGURE=configuration(hosts)))
            list(pool.map(lambda host: self._follow(host, first, hosts), others))
        names = ", ".join(f'"{host.name}"' for host in others)
        sql(self._shell, first, SYNCHRONOUS.format(names=names))
        sql(self._shell, first, "SELECT pg_reload_conf()")

    def close(self) -> None:
        """End the connections."""
        self._shell.close()

    def _prepare(self, host: Host, hosts: Sequence[Host], certificates: dict[str, str]) -> None:
        peers = ",".join(f"{one.name}=https://{one.address}:2380" for one in hosts)
        self._shell.run(
            host,
            fill(
                "database-prepare.sh",
                AUTHORITY=certificates["ca.crt"],
                CERTIFICATE=certificates[f"{host.name}.crt"],
                KEY=certificates[f"{host.name}.key"],
                NAME=host.name,
                ADDRESS=host.address,
                PEERS=peers,
            ),
        )

    def _follow(self, host: Host, primary: Host, hosts: Sequence[Host]) -> None:
        replaced = {"PRIMARY_NAME": primary.name, "PRIMARY_ADDRESS": primary.address, "NAME": host.name}
        self._shell.run(host, fill("database-standby.sh", CONFIGURE=configuration(hosts), **replaced))


def sql(shell: Shell, host: Host, statement: str) -> str:
    """Run a statement as the superuser of a host's server."""
    return shell.run(host, f"runuser -u postgres -- psql -XAtq <<'END'\n{statement}\nEND\n").strip()


def configuration(hosts: Sequence[Host]) -> str:
    """What every server is told."""
    members = " ".join(host.name for host in hosts)
    return fill("database-configure.sh", NETWORK=f"{NETWORK}0/24", MEMBERS=members)


def signed(folder: Path, hosts: Sequence[Host]) -> dict[str, str]:
    """An authority and a certificate for each host, by the names of their files."""
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    authority = ["-x509", *new, "-subj", "/CN=bench", "-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.crt")]
    run(["openssl", "req", *authority])
    for host in hosts:
        name = host.name
        key, request = str(folder / f"{name}.key"), str(folder / f"{name}.csr")
        alternatives = ["-addext", f"subjectAltName=DNS:{name},IP:{host.address}"]
        run(["openssl", "req", *new, "-subj", f"/CN={name}", *alternatives, "-keyout", key, "-out", request])
        by = ["-CA", str(folder / "ca.crt"), "-CAkey", str(folder / "ca.key"), "-CAcreateserial"]
        command = ["openssl", "x509", "-req", "-in", request, *by, "-copy_extensions", "copy"]
        run([*command, "-out", str(folder / f"{name}.crt")])
    return {path.name: path.read_text(encoding="ascii").strip() for path in folder.iterdir()}
