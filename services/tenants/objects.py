"""What an account has in the cluster. Pure: no I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

DOMAIN = "platform.ai-infn.it"
ACCOUNT = f"{DOMAIN}/account"
"""Label of all that belongs to an account, with its number."""
APPLIED = f"{DOMAIN}/applied"
"""Annotation: the digest of what was applied."""
LEFT = f"{DOMAIN}/left"
"""Annotation of a namespace in which no pod may begin."""
ROLE = "researcher"
"""The ClusterRole with what a researcher may do in the own namespace."""
HUB = "hub"
"""The namespace and the service account of the hub."""
SESSIONS = "hub-sessions"
"""The ClusterRole with what the hub may do in the namespace of an account."""
SESSION_PORT = 8888
NOMINAL = {"storage": "1Gi"}
"""Size of volumes and claims, which says nothing: quotas are the filesystem's, and a claim's size never changes."""

Object = dict[str, Any]


@dataclass(frozen=True)
class Account:
    """An account as the database has it; ``teams`` are the names of its groups by number."""

    number: int
    issuer: str
    subject: str
    name: str
    left: bool
    folder: str
    teams: Mapping[int, str]

    @property
    def namespace(self) -> str:
        """Name of its namespace: the number's, as names change hands."""
        return f"user-{self.number}"


@dataclass(frozen=True)
class Site:
    """What is the same for all accounts."""

    mount: str
    """Where hosts have the shared filesystem."""
    issuer: str
    """Whose tokens the API server takes, "" for nobody's."""
    prefix: str
    """What the API server puts before the subject of a token."""
    hub: bool = False
    """Whether there is a hub, which makes sessions."""


def objects(account: Account, site: Site) -> list[Object]:
    """Return what an account has, in the order in which it is made; nothing once its home is removed."""
    if account.left and account.folder == "removed":
        return []
    found = [
        _namespace(account),
        _own(account, "networking.k8s.io/v1", "NetworkPolicy", "platform", {"spec": _apart(site)}),
    ]
    if account.left:
        return [_marked(one) for one in found]
    if account.issuer == site.issuer:
        found.append(_rights(account, ROLE, {"kind": "User", "name": f"{site.prefix}{account.subject}"}))
    for claim, folder, mode in _folders(account):
        found += _volume(account, site, claim, folder, mode)
    if site.hub:  # last: it takes its rights for a sign that all of it is there
        found.append(_rights(account, SESSIONS, {"kind": "ServiceAccount", "name": HUB, "namespace": HUB}))
    return [_marked(one) for one in found]


def _apart(site: Site) -> Object:
    """A policy by which pods of other accounts reach none of these; the hub reaches the servers of sessions."""
    hub = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": HUB}}}
    rules: list[Object] = [{"from": [{"podSelector": {}}]}]
    if site.hub:
        rules.append({"from": [hub], "ports": [{"protocol": "TCP", "port": SESSION_PORT}]})
    return {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": rules}


def _folders(account: Account) -> Iterable[tuple[str, str, str]]:
    if account.folder == "present":
        yield "home", f"homes/{account.number}", "ReadWriteMany"
    for team in account.teams:
        yield f"group-{team}", f"groups/{team}", "ReadWriteMany"
    yield "environments", "environments", "ReadOnlyMany"


def _own(account: Account, version: str, kind: str, name: str, content: Mapping[str, Any]) -> Object:
    metadata = {"name": name, "namespace": account.namespace, "labels": {ACCOUNT: str(account.number)}}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def _namespace(account: Account) -> Object:
    labels = {ACCOUNT: str(account.number), "pod-security.kubernetes.io/enforce": "restricted"}
    annotations = {
        f"{DOMAIN}/issuer": account.issuer,
        f"{DOMAIN}/subject": account.subject,
        f"{DOMAIN}/name": account.name,
        # What a pod may have as supplemental groups.
        f"{DOMAIN}/groups": ",".join(map(str, sorted(account.teams))),
        f"{DOMAIN}/group-names": json.dumps({str(team): name for team, name in sorted(account.teams.items())}),
        **({LEFT: "true"} if account.left else {}),
    }
    metadata = {"name": account.namespace, "labels": labels, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def _rights(account: Account, role: str, whose: Object) -> Object:
    group = "rbac.authorization.k8s.io"
    subject = {**({} if whose["kind"] == "ServiceAccount" else {"apiGroup": group}), **whose}
    content = {"roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role}, "subjects": [subject]}
    return _own(account, f"{group}/v1", "RoleBinding", role, content)


def _volume(account: Account, site: Site, claim: str, folder: str, mode: str) -> list[Object]:
    """A volume that only this claim can have, and the claim."""
    name = f"{account.namespace}-{claim}"
    common = {"accessModes": [mode], "storageClassName": ""}
    given = {
        **common,
        "capacity": NOMINAL,
        "hostPath": {"path": f"{site.mount}/{folder}", "type": "Directory"},
        "claimRef": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": account.namespace,
            "name": claim,
        },
        "persistentVolumeReclaimPolicy": "Retain",
    }
    labels = {ACCOUNT: str(account.number)}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": labels},
        "spec": given,
    }
    wanted = {**common, "volumeName": name, "resources": {"requests": NOMINAL}}
    return [volume, _own(account, "v1", "PersistentVolumeClaim", claim, {"spec": wanted})]


def _marked(one: Object) -> Object:
    digest = hashlib.sha256(json.dumps(one, sort_keys=True).encode()).hexdigest()[:16]
    annotations = {**one["metadata"].get("annotations", {}), APPLIED: digest}
    return {**one, "metadata": {**one["metadata"], "annotations": annotations}}
