"""The cluster's keys in etcd, over the JSON form of its API: the lease of who leads, what commits rely on, positions.

``PREFIX/leader`` is ``{"member": .., "term": .., "ready": ..}`` and ends with the lease of the member that wrote it.
``PREFIX/quorum`` is ``{"term": .., "primary": .., "rules": [{"standbys": [..], "confirmations": ..}], "former": ..}``
and stays; ``former`` is another such object or missing. Both are written in one transaction by whoever takes the lease.
``PREFIX/timeline`` is the last timeline that a leader has reserved, ``PREFIX/switchover`` is ``{"to": ..}`` while
somebody wants another leader. ``PREFIX/members/MEMBER`` is ``{"term": .., "timeline": .., "lsn": .., "fit": ..,
"follows": ..}`` and ends with its member's lease.

Source of the requests: etcd's ``rpc.proto``; paths and base64 are those of its gRPC gateway.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from postgresql_failover.decision import Cluster, Leader, Position, Quorum, Rule, Told

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

    def __init__(
        self, settings: Settings, clock: Callable[[], float] = time.monotonic, lease: Path | None = None
    ) -> None:
        """``lease`` is a file that keeps the lease for the next process of this member."""
        self._settings = settings
        self._clock = clock
        self._endpoints = list(settings.endpoints)
        self._kept = lease
        self._lease = lease.read_text(encoding="ascii") if lease and lease.exists() else ""
        self.answered = clock()
        self._quorum_revision = 0
        self._leadership: Json = {}
        self._connections: dict[str, http.client.HTTPConnection] = {}

    def look(self) -> Cluster:
        """Renew this member's lease and return what etcd says; without an answer, since when there was none."""
        sent = self._clock()
        try:
            self._renew()
            return self._read(sent)
        except StoreError:
            return Cluster(None, None, {}, silence=max(self._clock() - self.answered, 1e-3))

    def begin(self, quorum: Quorum) -> bool:
        """Make the cluster's keys, with nobody as its leader; whether there were none."""
        missing = {"key": self._key("quorum"), "target": "MOD", "result": "EQUAL", "modRevision": 0}
        return self._transaction([missing], [self._put_for_good("quorum", _of_quorum(quorum))])

    def forget(self) -> bool:
        """Delete the cluster's keys, if nobody leads; whether that went well."""
        free = {"key": self._key("leader"), "target": "CREATE", "result": "EQUAL", "createRevision": 0}
        everything = {"key": self._key(""), "range_end": _text_of(f"{self._settings.prefix}0")}
        return self._transaction([free], [{"requestDeleteRange": everything}])

    def lead(self, quorum: Quorum) -> bool:
        """Take the lease for a new term, if nobody has it and all is as it was seen last; whether that went well."""
        free = {"key": self._key("leader"), "target": "CREATE", "result": "EQUAL", "createRevision": 0}
        leader = self._put("leader", self._leader(quorum.term, ready=False))
        return self._transaction(
            [free, self._quorum_unchanged()], [leader, self._put_for_good("quorum", _of_quorum(quorum))]
        )

    def announce(self, term: int) -> bool:
        """Let others follow this member; whether it still leads."""
        unready, ready = (self._leader(term, ready=value) for value in (False, True))
        compare = {"key": self._key("leader"), "target": "VALUE", "result": "EQUAL", "value": _text(unready)}
        return self._transaction([compare], [self._put("leader", ready)])

    def ask(self, member: str) -> bool:
        """Want a member to lead, as long as this store's lease lasts."""
        return self._transaction([], [self._put("switchover", {"to": member})])

    def change(self, quorum: Quorum) -> bool:
        """Replace what candidates need, if this member leads and all is as it was seen last; whether that went well."""
        return self._transaction(
            [self._leads(), self._quorum_unchanged()], [self._put_for_good("quorum", _of_quorum(quorum))]
        )

    def reserve(self, timeline: int) -> int:
        """Return a timeline that no leader had, at least this one, if this member leads; 0 if that failed."""
        key = self._key("timeline")
        try:
            found = self._request("kv/range", {"key": key}).get("kvs", [])
        except StoreError:
            return 0
        wanted = max(timeline, json.loads(base64.b64decode(found[0]["value"])) + 1) if found else timeline
        revision = int(found[0]["mod_revision"]) if found else 0
        unchanged = {"key": key, "target": "MOD", "result": "EQUAL", "modRevision": revision}
        put = {"requestPut": {"key": key, "value": _text_of(json.dumps(wanted))}}
        return wanted if self._transaction([self._leads(), unchanged], [put]) else 0

    def tell(self, told: Told) -> bool:
        """Say what this member is; whether that was heard."""
        position = {"timeline": told.position.timeline, "lsn": told.position.lsn}
        value = {"term": told.term, **position, "fit": told.fit, "follows": told.follows}
        return self._transaction([], [self._put(f"members/{self._settings.member}", value)])

    def resign(self) -> None:
        """Give the lease back, so that others need not wait for its end. Without an answer it ends by itself."""
        lease, self._lease = self._lease, ""
        if lease:
            with contextlib.suppress(StoreError):
                self._request("lease/revoke", {"ID": lease})

    @contextlib.contextmanager
    def renewing(self) -> Iterator[None]:
        """Renew the lease beside what the body does; that counts for no answer, so the silence grows all the same."""
        ended, lease, beside = threading.Event(), self._lease, Store(self._settings, self._clock)

        def renew() -> None:
            while not ended.wait(self._settings.lease / 8):
                with contextlib.suppress(StoreError):
                    beside._request("lease/keepalive", {"ID": lease})

        thread = threading.Thread(target=renew)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _quorum_unchanged(self) -> Json:
        return {"key": self._key("quorum"), "target": "MOD", "result": "EQUAL", "modRevision": self._quorum_revision}

    def _leads(self) -> Json:
        value = _text(self._leadership)
        return {"key": self._key("leader"), "target": "VALUE", "result": "EQUAL", "value": value}

    def _put_for_good(self, name: str, value: Json) -> Json:
        return {"requestPut": {"key": self._key(name), "value": _text(value)}}

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
        if self._kept:
            self._kept.write_text(self._lease, encoding="ascii")

    def _read(self, sent: float) -> Cluster:
        end = _text_of(f"{self._settings.prefix}0")  # the next key after all that begin with PREFIX/
        found = self._request("kv/range", {"key": self._key(""), "range_end": end})
        values, revisions = {}, {}
        for item in found.get("kvs", []):
            name = base64.b64decode(item["key"]).decode()[len(self._settings.prefix) + 1 :]
            values[name] = json.loads(base64.b64decode(item["value"]))
            revisions[name] = int(item["mod_revision"])
        self.answered = sent
        self._quorum_revision = revisions.get("quorum", 0)
        leader = values.get("leader", {})
        self._leadership = leader if leader.get("member") == self._settings.member else {}
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
        kept = self._connections.pop(endpoint, None)
        if kept:
            # One that etcd has closed meanwhile; whether a change was made before is seen by the next look.
            with contextlib.suppress(ConnectionError):
                return self._exchange(kept, endpoint, path, body)
        return self._exchange(self._connect(endpoint), endpoint, path, body)

    def _exchange(self, connection: http.client.HTTPConnection, endpoint: str, path: str, body: Json) -> Json:
        try:
            connection.request("POST", f"/v3/{path}", json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        except BaseException:
            connection.close()
            raise
        self._connections[endpoint] = connection
        if answer.status != http.client.OK:
            raise ValueError(text.decode(errors="replace")[:200])
        return dict(json.loads(text))

    def _connect(self, endpoint: str) -> http.client.HTTPConnection:
        address, timeout = urlsplit(endpoint), self._settings.timeout
        if address.scheme == "https":
            return http.client.HTTPSConnection(address.netloc, timeout=timeout, context=self._settings.tls)
        return http.client.HTTPConnection(address.netloc, timeout=timeout)


def as_cluster(values: Mapping[str, Json]) -> Cluster:
    """Return the cluster that the keys describe, each by its name after the prefix."""
    leader, quorum = values.get("leader"), values.get("quorum")
    told = {
        name.removeprefix("members/"): Told(
            int(value["term"]),
            Position(int(value["timeline"]), int(value["lsn"])),
            bool(value["fit"]),
            str(value.get("follows", "")),  # an agent of an earlier release does not tell
        )
        for name, value in values.items()
        if name.startswith("members/")
    }
    return Cluster(
        Leader(leader["member"], int(leader["term"]), bool(leader["ready"])) if leader else None,
        _as_quorum(quorum) if quorum else None,
        told,
        wish=str(values.get("switchover", {}).get("to", "")),
    )


def _as_quorum(value: Json) -> Quorum:
    rules = tuple(Rule(frozenset(rule["standbys"]), int(rule["confirmations"])) for rule in value["rules"])
    former = value.get("former")
    return Quorum(int(value["term"]), value["primary"], rules, _as_quorum(former) if former else None)


def _of_quorum(quorum: Quorum) -> Json:
    rules = [{"standbys": sorted(rule.standbys), "confirmations": rule.confirmations} for rule in quorum.rules]
    former = {"former": _of_quorum(quorum.former)} if quorum.former else {}
    return {"term": quorum.term, "primary": quorum.primary, "rules": rules, **former}


def _text(value: Json) -> str:
    return _text_of(json.dumps(value, sort_keys=True))


def _text_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
