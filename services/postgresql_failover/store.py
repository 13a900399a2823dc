"""The cluster's keys in etcd, over the JSON form of its API: the lease of who leads, what commits rely on, positions.

``PREFIX/leader`` is ``{"member": .., "term": .., "ready": ..}`` and ends with the lease of the member that wrote it.
``PREFIX/quorum`` is ``{"term": .., "primary": .., "standbys": [..], "confirmations": ..}`` and stays. Both are written
in one transaction by whoever takes the lease. ``PREFIX/positions/MEMBER`` is ``{"term": .., "timeline": ..,
"lsn": ..}`` and ends with its member's lease.

Source of the requests: etcd's ``rpc.proto``; paths and base64 are those of its gRPC gateway.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from postgresql_failover.decision import Cluster, Leader, Position, Quorum

Json = dict[str, Any]


class StoreError(Exception):
    """etcd did not answer, or refused."""


@dataclass(frozen=True)
class Settings:
    """Which etcd, whose keys, how long a lease lasts and an answer may take, in seconds."""

    endpoints: Sequence[str]
    prefix: str
    member: str
    lease: int
    timeout: float
    tls: ssl.SSLContext | None = None


class Store:
    """One member's view of the cluster. Requests go to the endpoint that answered last, then to the others.

    A change whose answer did not come may have been made; the next look tells.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._endpoints = list(settings.endpoints)
        self._lease = ""
        self._answered = clock()
        self._quorum_revision = 0

    def look(self) -> Cluster:
        """Renew this member's lease and return what etcd says; without an answer, since when there was none."""
        sent = self._clock()
        try:
            self._renew()
            return self._read(sent)
        except StoreError:
            return Cluster(None, None, {}, silence=max(self._clock() - self._answered, 1e-3))

    def begin(self, quorum: Quorum) -> bool:
        """Make the cluster's keys, with this member as its leader; whether there were none."""
        return self._take(quorum, {"target": "MOD", "result": "EQUAL", "modRevision": 0})

    def lead(self, quorum: Quorum) -> bool:
        """Take the lease for a new term, if nobody has it and all is as it was seen last; whether that went well."""
        return self._take(quorum, {"target": "MOD", "result": "EQUAL", "modRevision": self._quorum_revision})

    def announce(self, term: int) -> bool:
        """Let others follow this member; whether it still leads."""
        unready, ready = (self._leader(term, ready=value) for value in (False, True))
        compare = {"key": self._key("leader"), "target": "VALUE", "result": "EQUAL", "value": _text(unready)}
        return self._transaction([compare], [self._put("leader", ready)])

    def tell(self, term: int, position: Position) -> bool:
        """Say how far this member is that has cut itself off; whether that was heard."""
        value = {"term": term, "timeline": position.timeline, "lsn": position.lsn}
        return self._transaction([], [self._put(f"positions/{self._settings.member}", value)])

    def resign(self) -> None:
        """Give the lease back, so that others need not wait for its end. Without an answer it ends by itself."""
        lease, self._lease = self._lease, ""
        if lease:
            with contextlib.suppress(StoreError):
                self._request("lease/revoke", {"ID": lease})

    def _take(self, quorum: Quorum, unchanged: Json) -> bool:
        value = {
            "term": quorum.term,
            "primary": quorum.primary,
            "standbys": sorted(quorum.standbys),
            "confirmations": quorum.confirmations,
        }
        free = {"key": self._key("leader"), "target": "CREATE", "result": "EQUAL", "createRevision": 0}
        leader = self._put("leader", self._leader(quorum.term, ready=False))
        kept = {"requestPut": {"key": self._key("quorum"), "value": _text(value)}}
        return self._transaction([free, {"key": self._key("quorum"), **unchanged}], [leader, kept])

    def _leader(self, term: int, ready: bool) -> Json:
        return {"member": self._settings.member, "term": term, "ready": ready}

    def _put(self, name: str, value: Json) -> Json:
        return {"requestPut": {"key": self._key(name), "value": _text(value), "lease": self._lease}}

    def _renew(self) -> None:
        if self._lease:
            answer = self._request("lease/keepalive", {"ID": self._lease})
            if int(answer.get("result", {}).get("TTL", 0)) > 0:
                return
        self._lease = str(self._request("lease/grant", {"TTL": self._settings.lease})["ID"])

    def _read(self, sent: float) -> Cluster:
        end = _text_of(f"{self._settings.prefix}0")  # the next key after all that begin with PREFIX/
        found = self._request("kv/range", {"key": self._key(""), "range_end": end})
        values, revisions = {}, {}
        for item in found.get("kvs", []):
            name = base64.b64decode(item["key"]).decode()[len(self._settings.prefix) + 1 :]
            values[name] = json.loads(base64.b64decode(item["value"]))
            revisions[name] = int(item["mod_revision"])
        self._answered = sent
        self._quorum_revision = revisions.get("quorum", 0)
        return as_cluster(values)

    def _transaction(self, compare: list[Json], success: list[Json]) -> bool:
        if not self._lease:  # it comes with a look that is answered
            return False
        try:
            return bool(self._request("kv/txn", {"compare": compare, "success": success}).get("succeeded"))
        except StoreError:
            return False

    def _key(self, name: str) -> str:
        return _text_of(f"{self._settings.prefix}/{name}")

    def _request(self, path: str, body: Json) -> Json:
        failures = []
        for endpoint in list(self._endpoints):
            try:
                answer = self._ask(endpoint, path, body)
            except (OSError, http.client.HTTPException, ValueError) as error:
                failures.append(f"{endpoint}: {error}")
                self._endpoints.append(self._endpoints.pop(0))
            else:
                return answer
        raise StoreError("; ".join(failures))

    def _ask(self, endpoint: str, path: str, body: Json) -> Json:
        address = urlsplit(endpoint)
        connection: http.client.HTTPConnection
        if address.scheme == "https":
            connection = http.client.HTTPSConnection(
                address.netloc, timeout=self._settings.timeout, context=self._settings.tls
            )
        else:
            connection = http.client.HTTPConnection(address.netloc, timeout=self._settings.timeout)
        try:
            connection.request("POST", f"/v3/{path}", json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise ValueError(text.decode(errors="replace")[:200])
        return dict(json.loads(text))


def as_cluster(values: Mapping[str, Json]) -> Cluster:
    """Return the cluster that the keys describe, each by its name after the prefix."""
    leader, quorum = values.get("leader"), values.get("quorum")
    positions = {
        name.removeprefix("positions/"): (int(value["term"]), Position(int(value["timeline"]), int(value["lsn"])))
        for name, value in values.items()
        if name.startswith("positions/")
    }
    return Cluster(
        Leader(leader["member"], int(leader["term"]), bool(leader["ready"])) if leader else None,
        Quorum(int(quorum["term"]), quorum["primary"], frozenset(quorum["standbys"]), int(quorum["confirmations"]))
        if quorum
        else None,
        positions,
    )


def _text(value: Json) -> str:
    return _text_of(json.dumps(value, sort_keys=True))


def _text_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
