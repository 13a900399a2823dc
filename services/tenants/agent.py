"""Makes the cluster hold what accounts have: looks, compares, applies and removes. Several at once do no harm."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from kube_api import ApiError, Client

from tenants.objects import ACCOUNT, APPLIED, Account, Object, Site, objects

MANAGER = "ai-infn-tenants"
GROUPS = {
    "Namespace": "/api/v1/namespaces",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/networkpolicies",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/rolebindings",
    "PersistentVolume": "/api/v1/persistentvolumes",
    "PersistentVolumeClaim": "/api/v1/persistentvolumeclaims",
}
"""Where all objects of a kind are listed."""

Key = tuple[str, str, str]
"""Kind, namespace ("" for none) and name of an object."""

ACCOUNTS = """
SELECT number, issuer, subject, name, left_at IS NOT NULL, folder,
    coalesce((SELECT json_object_agg(team.number, team.name) FROM identity.membership
              JOIN identity.team ON team.number = membership.team
              WHERE membership.account = account.number AND team.folder = 'present'), '{}')
FROM identity.account ORDER BY number
"""


def accounts(cursor: Any) -> list[Account]:
    """Read all accounts, each with those of its groups that have a folder."""
    cursor.execute(ACCOUNTS)
    return [
        Account(number, issuer, subject, name, left, folder, {int(team): called for team, called in teams.items()})
        for number, issuer, subject, name, left, folder, teams in cursor.fetchall()
    ]


def key(one: Object) -> Key:
    """Return what an object is known by."""
    return one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]


def path(of: Key) -> str:
    """Return the path of an object in the API."""
    kind, namespace, name = of
    folder, plural = GROUPS[kind].rsplit("/", 1)
    return f"{folder}/namespaces/{namespace}/{plural}/{name}" if namespace else f"{GROUPS[kind]}/{name}"


def pods_of(namespace: str) -> str:
    """Return the path of a namespace's pods."""
    return f"/api/v1/namespaces/{namespace}/pods"


@dataclass
class Difference:
    """What the cluster lacks, and what it has too much; ``strangers`` are namespaces of accounts that nobody knows."""

    apply: list[Object] = field(default_factory=list)
    remove: list[Key] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    """Namespaces whose pods are to end."""
    strangers: list[str] = field(default_factory=list)

    @property
    def is_none(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.apply or self.remove or self.empty)


def compare(known: list[Account], site: Site, found: dict[Key, Object], busy: list[str]) -> Difference:
    """Compare what accounts have with what is ``found``; ``busy`` are namespaces whose pods are to end."""
    numbers = {str(account.number) for account in known}
    wanted = {key(one): one for account in known for one in objects(account, site)}
    gone = {account.namespace for account in known if account.left and account.folder == "removed"}
    difference = Difference(empty=busy)
    for of, one in wanted.items():
        mark = one["metadata"]["annotations"][APPLIED]
        if found.get(of, {"metadata": {}})["metadata"].get("annotations", {}).get(APPLIED) != mark:
            difference.apply.append(one)
    for of, one in found.items():
        if one["metadata"].get("deletionTimestamp"):
            continue
        if one.get("status", {}).get("phase") == "Released":  # its claim was removed by hand; no other one can have it
            difference.remove.append(of)
        elif of in wanted:
            continue
        elif one["metadata"]["labels"][ACCOUNT] not in numbers:
            difference.strangers += [of[2]] if of[0] == "Namespace" else []
        elif of[1] not in gone:  # with a namespace goes all that is in it
            difference.remove.append(of)
    return difference


class Cluster:
    """The objects of accounts in a cluster. Raises ApiError where the API server does not answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def found(self) -> dict[Key, Object]:
        """Return all objects that belong to accounts."""
        listed: dict[Key, Object] = {}
        for kind, place in GROUPS.items():
            for item in self._client.request("GET", place, {"labelSelector": ACCOUNT})["items"]:
                one = {"kind": kind, **item}
                listed[key(one)] = one
        return listed

    def busy(self, known: Iterable[Account]) -> list[str]:
        """Return the namespaces of accounts that have left, but not their pods."""
        left = [one.namespace for one in known if one.left and one.folder != "removed"]
        return [name for name in left if self._client.request("GET", pods_of(name), {"limit": "1"})["items"]]

    def apply(self, one: Object) -> None:
        """Have an object, with its fields as they are here."""
        query = {"fieldManager": MANAGER, "force": "true"}
        self._client.request("PATCH", path(key(one)), query, one, "application/apply-patch+yaml")

    def remove(self, of: Key) -> None:
        """Remove an object, which may be gone already."""
        try:
            self._client.request("DELETE", path(of))
        except ApiError as error:
            if error.status != 404:
                raise

    def end_pods(self, namespace: str) -> None:
        """End all pods of a namespace."""
        self._client.request("DELETE", pods_of(namespace))


def turn(known: list[Account], site: Site, cluster: Cluster, say: Callable[[str], None]) -> Difference:
    """Do all there is to do; what it was. One object that is refused does not keep others from being made."""
    difference = compare(known, site, cluster.found(), cluster.busy(known))
    steps: list[tuple[str, Callable[[], None]]] = [
        *((f"{' '.join(key(one)[::2])} is applied", partial(cluster.apply, one)) for one in difference.apply),
        *((f"{' '.join(of[::2])} is removed", partial(cluster.remove, of)) for of in difference.remove),
        *((f"pods of {name} end", partial(cluster.end_pods, name)) for name in difference.empty),
    ]
    for words, step in steps:
        try:
            step()
            say(words)
        except ApiError as error:
            say(f"not done: {words}: {error}")
    return difference
