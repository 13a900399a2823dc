"""What is asked of an OpenID provider when a client's metadata change, and what is kept."""

from __future__ import annotations

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.openid.metadata import (
    different,
    record,
    refreshed,
    replacement,
    to_change,
    visible,
)

KEPT = {
    "client_id": "one",
    "client_secret": "secret",
    "registration_access_token": "token",
    "registration_client_uri": "https://iam.example/register/one",
    "asked": {"scope": "openid email groups"},
    "granted": {"scope": "openid email"},
}


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("scope", "openid email", "email  openid"),
        ("redirect_uris", ["https://a", "https://b"], ["https://b", "https://a"]),
        ("client_name", "hub", "hub"),
    ],
)
def test_order_means_nothing(name: str, one: object, other: object) -> None:
    assert different({name: one}, {name: other}) == []


def test_what_the_provider_has_otherwise_or_not_at_all_is_different() -> None:
    assert different({"client_name": "hub", "scope": "openid"}, {"client_name": "old"}) == ["client_name", "scope"]


def test_what_a_provider_did_not_take_over_is_not_asked_of_it_again() -> None:
    wanted = {"scope": "groups openid email"}
    assert to_change(wanted, {"scope": "openid email"}, KEPT) == []


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"scope": "openid groups"}, {"scope": "openid email"}),  # something else is wanted
        ({"scope": "openid email groups"}, {"scope": "openid"}),  # somebody else changed it
        ({"client_name": "hub"}, {"client_name": "old"}),  # it was never asked for
    ],
)
def test_anything_else_is(wanted: dict[str, object], found: dict[str, object]) -> None:
    assert to_change(wanted, found, KEPT) == list(wanted)


def test_a_change_keeps_all_that_it_does_not_name() -> None:
    found = {
        "client_id": "one",
        "client_name": "old",
        "contacts": ["a@example"],
        "jwks": None,
        "registration_client_uri": "x",
    }
    assert replacement({"client_name": "hub"}, found, KEPT) == {
        "client_id": "one",
        "client_secret": "secret",
        "client_name": "hub",
        "contacts": ["a@example"],
    }


def test_identity_is_sent_even_where_the_provider_did_not_say_it() -> None:
    assert replacement({}, {"client_name": "old"}, KEPT)["client_id"] == "one"


def test_a_record_keeps_secret_and_token_where_an_answer_lacks_them() -> None:
    kept = record({"client_id": "one", "client_name": "hub"}, {"client_name": "hub"}, KEPT)
    assert kept["client_secret"] == "secret"
    assert kept["registration_access_token"] == "token"
    assert kept["asked"] == kept["granted"] == {"client_name": "hub"}


def test_a_record_has_the_new_secret_and_token_where_an_answer_has_them() -> None:
    kept = record({"client_id": "one", "client_secret": "new", "registration_access_token": "newer"}, {}, KEPT)
    assert (kept["client_secret"], kept["registration_access_token"]) == ("new", "newer")


def test_a_token_that_takes_the_place_of_another_is_in_the_record() -> None:
    assert refreshed({"client_name": "hub", "registration_access_token": "newer"}, KEPT) == {
        **KEPT,
        "registration_access_token": "newer",
    }
    assert refreshed({"client_name": "hub", "registration_access_token": None}, KEPT) == KEPT


def test_no_secret_is_shown() -> None:
    assert visible({"client_secret": "secret", "scope": "openid"}, {"client_secret": 1, "scope": 1}) == {
        "scope": "openid"
    }
