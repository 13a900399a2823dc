# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The members of an etcd cluster, through the JSON gateway that every etcd serves beside gRPC."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from .client import wait_for

PKI = "/etc/kubernetes/pki/etcd"
PEER_PORT = 2380
UNSETTLED, SETTLED_WITHIN = "etcdserver: unhealthy cluster", 30.0
"""What etcd says while its members are too briefly connected for a change of them; seconds within which they settle."""


class EtcdError(Exception):
    """etcd does not answer, or refuses."""


@dataclass(frozen=True)
class Member:
    """One member. A member that never started has no name and no client address."""

    identity: str
    name: str
    peers: tuple[str, ...]
    clients: tuple[str, ...]
    learner: bool = False
    healthy: bool = False


def parse_members(document: dict[str, Any]) -> list[Member]:
    """Return the members of the answer of /v3/cluster/member/list."""
    return [
        Member(
            identity=str(item["ID"]),
            name=item.get("name", ""),
            peers=tuple(item.get("peerURLs", [])),
            clients=tuple(item.get("clientURLs", [])),
            learner=bool(item.get("isLearner", False)),
        )
        for item in document.get("members", [])
    ]


def find_member(members: list[Member], name: str, address: str = "") -> Member | None:
    """Return the member of a host, by its name, or by its peer address where it has never started."""
    by_name = [member for member in members if member.name == name]
    by_peer = [
        member for member in members if address and any(urlsplit(peer).hostname == address for peer in member.peers)
    ]
    return (by_name or by_peer or [None])[0]


def initial_cluster(members: list[Member], joining: str) -> str:
    """Return the members as one that joins needs them; it has been added, and has no name until it has started."""
    return ",".join(f"{member.name or joining}={peer}" for member in members for peer in member.peers)


def quorum(voters: int) -> int:
    """Return how many of the voters must be healthy."""
    return voters // 2 + 1


def objection(members: list[Member], leaving: Member) -> str:
    """Return why a member may not leave, or nothing: now and afterwards a majority must be healthy."""
    voters = [member for member in members if not member.learner]
    if leaving.learner:
        return ""
    if len(voters) == 1:
        return f"{leaving.name} is the last member of etcd and holds the only copy of the cluster's data"
    healthy = [member for member in voters if member.healthy]
    if len(healthy) < quorum(len(voters)):
        names = ", ".join(member.name or member.identity for member in voters if not member.healthy)
        return f"etcd has no quorum: {len(healthy)} of {len(voters)} members are healthy; down: {names}"
    rest = [member for member in voters if member != leaving]
    left = [member for member in rest if member.healthy]
    if len(left) < quorum(len(rest)):
        names = ", ".join(member.name or member.identity for member in rest if not member.healthy)
        return (
            f"without {leaving.name} etcd would have no quorum: {len(left)} of {len(rest)} healthy; "
            f"mend or remove first: {names}"
        )
    return ""


class Etcd:
    """Requests to etcd with a client's certificate; that of kubeadm's health check is the default."""

    def __init__(
        self,
        authority: str = f"{PKI}/ca.crt",
        certificate: str = f"{PKI}/healthcheck-client.crt",
        key: str = f"{PKI}/healthcheck-client.key",
        address: str = "127.0.0.1",
        timeout: float = 5.0,
    ) -> None:
        self._context = ssl.create_default_context(cafile=authority)
        self._context.load_cert_chain(certificate, key)
        self._address = address
        self._timeout = timeout

    def post(self, path: str, body: dict[str, Any], address: str = "") -> dict[str, Any]:
        """Send one request and return the answer. Raises EtcdError."""
        connection = http.client.HTTPSConnection(
            address or self._address, 2379, context=self._context, timeout=self._timeout
        )
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            document = json.loads(answer.read() or b"{}")
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise EtcdError(f"etcd at {address or self._address} does not answer: {error}") from error
        finally:
            connection.close()
        if answer.status != 200:
            raise EtcdError(
                f"etcd at {address or self._address} refuses {path}: {document.get('message', answer.status)}"
            )
        return document

    def members(self) -> list[Member]:
        """Return the members, each with its health: it answers and knows a leader."""
        return [
            replace(member, healthy=self._is_healthy(member))
            for member in parse_members(self.post("/v3/cluster/member/list", {}))
        ]

    def _is_healthy(self, member: Member) -> bool:
        for client in member.clients:
            try:
                status = self.post("/v3/maintenance/status", {}, urlsplit(client).hostname or "")
            except EtcdError:
                continue
            return str(status.get("leader", "0")) != "0" and not status.get("errors")
        return False

    def add(self, address: str) -> None:
        """Add a member, which then has to be started."""
        self._reconfigure("/v3/cluster/member/add", {"peerURLs": [f"https://{address}:{PEER_PORT}"]})

    def remove(self, member: Member) -> None:
        """Remove a member."""
        self._reconfigure("/v3/cluster/member/remove", {"ID": member.identity})

    def _reconfigure(self, path: str, body: dict[str, Any]) -> None:
        """Change the members, as soon as all of them have been connected for the five seconds that etcd asks for."""
        refusals: list[EtcdError] = []

        def accepted() -> bool:
            try:
                self.post(path, body)
            except EtcdError as error:
                if UNSETTLED not in str(error):
                    raise
                refusals.append(error)
                return False
            return True

        if not wait_for(accepted, SETTLED_WITHIN):
            raise refusals[-1]


def restore_command(snapshot: str, name: str, peers: dict[str, str], token: str, folder: str) -> list[str]:
    """Return the command that makes one member's data from a snapshot.

    Revisions jump ahead and are marked as compacted, so that no client takes what it has cached for newer than the data
    (https://etcd.io/docs/v3.6/op-guide/recovery/).
    """
    members = ",".join(f"{peer}=https://{address}:2380" for peer, address in sorted(peers.items()))
    return [
        "etcdutl",
        "snapshot",
        "restore",
        snapshot,
        f"--name={name}",
        f"--initial-cluster={members}",
        f"--initial-cluster-token={token}",
        f"--initial-advertise-peer-urls=https://{peers[name]}:2380",
        f"--data-dir={folder}",
        "--bump-revision=1000000000",
        "--mark-compacted",
    ]
