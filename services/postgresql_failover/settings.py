"""What the agent of a host is told: one JSON document, written by whoever deploys it."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from postgresql_failover import store
from postgresql_failover.decision import Declared


@dataclass(frozen=True)
class Settings:
    """The agent's settings; times are in seconds.

    ``members`` are {name: address} of all database hosts of the cluster. ``lease`` is how long a leadership lasts that
    is not renewed, ``t1`` after which silence a primary stops, ``patience`` how long a server may answer nobody and a
    standby receive nothing. ``conninfo`` is what a member needs beside its host to reach another one as the role that
    replicates, ``restore`` the command that fetches the log from an archive, empty for none. ``room`` is how many bytes
    must be free on the file systems of data and log. ``at_risk`` lets a member lead though acknowledged commits may be
    lost by that. ``degrade_after`` is how long commits wait for standbys that are too few, 0 for ever. ``answers`` is
    the port on which proxies are told what the server is, 0 for none.
    """

    me: str
    members: Mapping[str, str]
    confirmations: int
    etcd: tuple[str, ...]
    prefix: str
    certificate: str
    key: str
    authority: str
    programs: str
    data: str
    wal: str
    configuration: str
    state: str
    unit: str
    user: str
    socket: str
    port: int
    conninfo: str
    restore: str
    lease: int
    t1: float
    interval: float
    timeout: float
    patience: float
    room: int
    at_risk: bool = False
    degrade_after: float = 0.0
    answers: int = 0

    @property
    def declared(self) -> Declared:
        """What decisions need of it."""
        return Declared(self.me, frozenset(self.members), self.confirmations, self.t1, self.at_risk, self.degrade_after)

    @property
    def store(self) -> store.Settings:
        """What the access to etcd needs of it."""
        return store.Settings(self.etcd, self.prefix, self.me, self.lease, self.timeout, self._tls())

    def reach(self, member: str, database: str, name: str = "") -> str:
        """How to reach another member, whose certificate has its name, as this member or by another name of it."""
        host = f"host={member} hostaddr={self.members[member]} port={self.port}"
        return f"{host} dbname={database} application_name={name or self.me} {self.conninfo}"

    def psql(self, statement: str, conninfo: str = "") -> list[str]:
        """The command that runs a statement, on this host's server if not elsewhere."""
        target = conninfo or f"host={self.socket} port={self.port} dbname=postgres connect_timeout=2"
        return [f"{self.programs}/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", target, "-c", statement]

    def answering_tls(self) -> ssl.SSLContext | None:
        """How proxies are answered; None for in plain text, without an authority."""
        if not self.authority:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def _tls(self) -> ssl.SSLContext | None:
        if not self.authority:
            return None
        context = ssl.create_default_context(cafile=self.authority)
        context.load_cert_chain(self.certificate, self.key)
        return context


def load(path: str) -> Settings:
    """Read the settings. Raises ValueError that names what is missing or unknown."""
    document = json.loads(Path(path).read_text(encoding="utf-8"))
    try:
        return Settings(**{**document, "etcd": tuple(document["etcd"])})
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error
