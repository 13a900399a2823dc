"""What accounts have in a cluster, and how it gets there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from kube_api import ApiError
from tenants.agent import Cluster, Key, compare, key, path, turn
from tenants.objects import ACCOUNT, Account, Object, Site, objects

SITE = Site("/shared", "https://iam.example/", "oidc:")
ALICE = Account(1000000, SITE.issuer, "a-1", "alice", False, "present", {500000: "cms/gpu"})
BOB = Account(1000001, SITE.issuer, "b-2", "bob", False, "present", {})
LEFT = replace(ALICE, left=True, folder="archived")
GONE = replace(ALICE, left=True, folder="removed")


class Server:
    """An API server that has what was applied, and refuses what it is told to."""

    def __init__(self, refuses: Callable[[str], bool] = lambda path: False) -> None:
        self.has: dict[str, Object] = {}
        self.pods: list[str] = []
        self.refuses = refuses

    def request(
        self, method: str, place: str, query: Any = None, body: Any = None, content_type: str = ""
    ) -> dict[str, Any]:
        if self.refuses(place):
            raise ApiError(403, "refused")
        if method == "PATCH":
            assert content_type == "application/apply-patch+yaml"
            self.has[place] = body
        elif method == "DELETE" and place.endswith("/pods"):
            self.pods = [one for one in self.pods if f"/{one}/" not in place]
        elif method == "DELETE":
            if place not in self.has:
                raise ApiError(404, "not found")
            within = place.removeprefix("/api/v1") if "/namespaces/" in place and place.count("/") == 4 else place
            self.has = {at: one for at, one in self.has.items() if at != place and f"{within}/" not in at}
        elif place.endswith("/pods"):
            assert query == {"limit": "1"}
            return {"items": [one for one in self.pods if f"/{one}/" in place]}
        else:
            assert query == {"labelSelector": ACCOUNT}
            kind = place.rsplit("/", 1)[1]
            return {"items": [one for at, one in self.has.items() if at.rsplit("/", 2)[1] == kind]}
        return {}

    def turn(self, *known: Account) -> list[str]:
        said: list[str] = []
        turn(list(known), SITE, Cluster(self), said.append)  # type: ignore[arg-type]
        return said


def as_found(accounts: Iterable[Account]) -> dict[Key, Object]:
    return {key(one): one for account in accounts for one in objects(account, SITE)}


def by_name(account: Account, kind: str) -> dict[str, Object]:
    return {one["metadata"]["name"]: one for one in objects(account, SITE) if one["kind"] == kind}


def test_an_account_has_its_folders_and_rights_in_a_namespace_of_its_number() -> None:
    assert list(by_name(ALICE, "Namespace")) == ["user-1000000"]
    assert set(by_name(ALICE, "PersistentVolumeClaim")) == {"home", "group-500000", "environments"}
    paths = [one["spec"]["hostPath"]["path"] for one in by_name(ALICE, "PersistentVolume").values()]
    assert paths == ["/shared/homes/1000000", "/shared/groups/500000", "/shared/environments"]
    (binding,) = by_name(ALICE, "RoleBinding").values()
    assert [subject["name"] for subject in binding["subjects"]] == ["oidc:a-1"]


def test_a_volume_is_for_one_claim_and_survives_it() -> None:
    for name, volume in by_name(ALICE, "PersistentVolume").items():
        claim = volume["spec"]["claimRef"]
        assert (claim["namespace"], f"user-1000000-{claim['name']}") == ("user-1000000", name)
        assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


def test_pod_security_and_the_numbers_of_pods_stand_at_the_namespace() -> None:
    metadata = by_name(ALICE, "Namespace")["user-1000000"]["metadata"]
    assert metadata["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert metadata["labels"][ACCOUNT] == "1000000"
    assert metadata["annotations"]["platform.ai-infn.it/groups"] == "500000"


def test_an_account_of_another_issuer_has_no_rights_by_a_token() -> None:
    """The API servers put the same prefix before every subject: another issuer's would be taken for this one's."""
    other = replace(ALICE, issuer="https://other.example/")
    assert not by_name(other, "RoleBinding")
    assert by_name(other, "PersistentVolumeClaim")


def test_a_home_that_is_not_made_yet_has_no_volume() -> None:
    assert "home" not in by_name(replace(ALICE, folder="none"), "PersistentVolumeClaim")


def test_who_has_left_keeps_a_namespace_in_which_nothing_runs() -> None:
    kinds = {one["kind"] for one in objects(LEFT, SITE)}
    assert kinds == {"Namespace", "NetworkPolicy"}
    annotation = "platform.ai-infn.it/left"
    assert annotation in by_name(LEFT, "Namespace")["user-1000000"]["metadata"]["annotations"]
    assert annotation not in by_name(ALICE, "Namespace")["user-1000000"]["metadata"]["annotations"]
    assert objects(GONE, SITE) == []


def test_what_is_there_is_not_applied_again() -> None:
    assert not compare([ALICE, BOB], SITE, as_found([ALICE, BOB]), []).apply


@pytest.mark.parametrize("changed", [replace(ALICE, name="alice.b"), replace(ALICE, teams={})])
def test_what_differs_is_applied(changed: Account) -> None:
    assert "user-1000000" in {one["metadata"]["name"] for one in compare([changed], SITE, as_found([ALICE]), []).apply}


def test_the_claim_of_a_group_that_was_left_is_removed() -> None:
    removed = compare([replace(ALICE, teams={})], SITE, as_found([ALICE]), []).remove
    assert sorted(of[0] for of in removed) == ["PersistentVolume", "PersistentVolumeClaim"]


def test_a_volume_whose_claim_was_removed_by_hand_is_made_anew() -> None:
    found = as_found([ALICE])
    of = ("PersistentVolume", "", "user-1000000-home")
    found[of] = {**found[of], "status": {"phase": "Released"}}
    assert compare([ALICE], SITE, found, []).remove == [of]


def test_a_namespace_whose_account_the_database_does_not_know_is_left_and_named() -> None:
    difference = compare([BOB], SITE, as_found([ALICE, BOB]), [])
    assert (difference.remove, difference.strangers) == ([], ["user-1000000"])


def test_who_leaves_loses_rights_and_pods_and_later_the_namespace() -> None:
    server = Server()
    server.turn(ALICE, BOB)
    server.pods = ["user-1000000", "user-1000001", "kube-system"]
    said = server.turn(LEFT, BOB)
    assert "RoleBinding researcher is removed" in said
    assert server.pods == ["user-1000001", "kube-system"]
    server.turn(GONE, BOB)
    assert not [at for at in server.has if "1000000" in at]
    assert server.turn(GONE, BOB) == []


def test_who_returns_has_all_of_it_again() -> None:
    server = Server()
    server.turn(ALICE)
    before = dict(server.has)
    server.turn(LEFT)
    server.turn(ALICE)
    assert server.has == before


def test_one_object_that_is_refused_does_not_keep_others_from_being_made() -> None:
    server = Server(lambda place: place.endswith("user-1000000"))
    assert any(line.startswith("not done: Namespace user-1000000") for line in server.turn(ALICE, BOB))
    assert path(("Namespace", "", "user-1000001")) in server.has


def test_an_object_is_found_by_its_path() -> None:
    assert path(("PersistentVolumeClaim", "user-1", "home")) == "/api/v1/namespaces/user-1/persistentvolumeclaims/home"
    assert path(("PersistentVolume", "", "user-1-home")) == "/api/v1/persistentvolumes/user-1-home"


def test_where_there_is_a_hub_it_makes_sessions_and_reaches_their_servers_alone() -> None:
    found = {key(one): one for one in objects(ALICE, replace(SITE, hub=True))}
    binding = found["RoleBinding", "user-1000000", "hub-sessions"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "hub", "namespace": "hub"}]
    assert list(found)[-1] == key(binding)
    rules = found["NetworkPolicy", "user-1000000", "platform"]["spec"]["ingress"]
    assert [rule.get("ports") for rule in rules] == [None, [{"protocol": "TCP", "port": 8888}]]
    assert ("RoleBinding", "user-1000000", "hub-sessions") not in as_found([ALICE])


def test_where_an_account_has_left_the_hub_has_no_rights() -> None:
    assert "RoleBinding" not in {one["kind"] for one in objects(LEFT, replace(SITE, hub=True))}
