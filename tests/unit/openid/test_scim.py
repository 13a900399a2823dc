"""Groups and members as servers of SCIM are asked, INDIGO IAM as 1.12.0 was seen to answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.openid.http import Answer, ProviderError
from ansible_collections.ai_infn.platform.plugins.module_utils.openid.scim import Indigo, Scim

AT = "https://iam.example/scim"


class Server:
    """Users and groups in pages of two, whatever the filter; what was written is kept."""

    def __init__(self, **lists: list[dict[str, Any]]) -> None:
        self._lists = lists
        self.written: list[tuple[str, str, Any]] = []

    def __call__(self, method: str, address: str, body: Mapping[str, Any] | None, token: str) -> Answer:
        assert token == "the-token"
        path, _, query = address.removeprefix(f"{AT}/").partition("?")
        if method != "GET":
            self.written.append((method, path, body))
            return Answer(201, json.dumps({"id": "new"})) if method == "POST" else Answer(204, "")
        found = self._lists[path]
        start = int(query.rpartition("startIndex=")[2]) - 1
        return Answer(200, json.dumps({"totalResults": len(found), "Resources": found[start : start + 2]}))


def users(*names: str) -> list[dict[str, Any]]:
    return [{"id": f"id-{name}", "userName": name} for name in names]


def test_all_pages_are_gone_through_though_a_filter_is_ignored() -> None:
    server = Scim(AT, "the-token", Server(Users=users("ada", "alan", "grace", "kurt", "emmy")))
    assert server.user_ids(["emmy", "ada"]) == {"emmy": "id-emmy", "ada": "id-ada"}


def test_names_are_the_same_to_the_last_letter() -> None:
    assert Scim(AT, "the-token", Server(Users=users("Ada", "ada2"))).find("Users", "userName", "ada") is None


def test_two_of_a_name_are_told() -> None:
    twins = Server(Groups=[{"id": number, "displayName": "twins"} for number in "12"])
    with pytest.raises(ProviderError, match="2 of Groups have the displayName twins"):
        Scim(AT, "the-token", twins).find("Groups", "displayName", "twins")


def changed(kind: type[Scim], before: set[str], after: set[str]) -> Any:
    server = Server()
    kind(AT, "the-token", server).change({"id": "g"}, before, after)
    return [body for _, _, body in server.written]


def test_a_standard_server_is_told_additions_or_the_whole_list() -> None:
    (body,) = changed(Scim, {"a"}, {"a", "b"})
    assert [(one["op"], [each["value"] for each in one["value"]]) for one in body["Operations"]] == [("add", ["b"])]
    (body,) = changed(Scim, {"a", "b"}, {"b", "c"})
    assert [(one["op"], [each["value"] for each in one["value"]]) for one in body["Operations"]] == [
        ("replace", ["b", "c"])
    ]
    (body,) = changed(Scim, {"a"}, set())
    assert body["Operations"] == [{"op": "remove", "path": "members"}]


def test_indigo_is_told_in_its_own_words() -> None:
    (body,) = changed(Indigo, {"a", "b"}, {"b", "c"})
    assert body["operations"] == [
        {"op": "add", "path": "members", "value": [{"value": "c"}]},
        {"op": "remove", "path": "members", "value": [{"value": "a"}]},
    ]


@pytest.mark.parametrize("kind", [Scim, Indigo])
def test_nothing_is_asked_where_nothing_changes(kind: type[Scim]) -> None:
    assert changed(kind, {"a"}, {"a"}) == []


def test_indigos_members_are_a_list_of_their_own() -> None:
    server = Server(**{"Groups/g/members": [{"value": "a"}, {"value": "b"}, {"value": "c"}]})
    assert Indigo(AT, "the-token", server).members({"id": "g"}) == {"a", "b", "c"}


def test_a_refusal_repeats_what_was_said_without_the_token() -> None:
    def refuse(*_: object) -> Answer:
        return Answer(403, '{"status": "403", "detail": "the-token has no scope scim:write"}')

    with pytest.raises(ProviderError, match=r"403.*\*{8} has no scope scim:write"):
        Scim(AT, "the-token", refuse).create("group", [])
