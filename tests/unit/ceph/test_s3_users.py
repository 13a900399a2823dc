"""Users of a gateway: what is done to make them as wanted."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.s3_users import lacking, request, steps

KEY = {"user": "alice", "access_key": "A", "secret_key": "S"}
FOUND: dict[str, Any] = {
    "user_id": "alice",
    "suspended": 0,
    "keys": [KEY],
    "user_quota": {"enabled": False, "max_size": -1},
}


def said(found: dict[str, Any] | None, **changes: Any) -> list[str]:
    wanted = {"name": "alice", "access_key": "A", "secret_key": "S", "quota_gib": 0, "suspended": False, **changes}
    return [step.said for step in steps(wanted, found)]


def test_a_user_who_is_as_wanted_is_left_alone() -> None:
    assert said(FOUND) == []


def test_a_new_user_has_keys_and_a_quota() -> None:
    assert said(None, quota_gib=2) == ["alice is made", "alice has a quota of 2 GiB", "the quota of alice is enabled"]


def test_a_new_user_without_a_quota_is_made_and_no_more() -> None:
    assert said(None) == ["alice is made"]


@pytest.mark.parametrize(
    ("quota", "wanted", "steps_said"),
    [
        ({"enabled": True, "max_size": 1 << 30}, 1, []),
        ({"enabled": False, "max_size": 1 << 30}, 1, ["alice has a quota of 1 GiB", "the quota of alice is enabled"]),
        (
            {"enabled": True, "max_size": 1 << 30},
            0,
            ["alice has a quota of any number of GiB", "the quota of alice is disabled"],
        ),
    ],
)
def test_a_quota_that_differs_is_changed(quota: dict[str, Any], wanted: int, steps_said: list[str]) -> None:
    assert said({**FOUND, "user_quota": quota}, quota_gib=wanted) == steps_said


def test_a_key_that_the_user_has_not_is_added() -> None:
    assert said({**FOUND, "keys": [{**KEY, "secret_key": "old"}]}) == ["alice has the key"]


def test_who_is_suspended_is_let_in_again() -> None:
    assert said(FOUND, suspended=True) == ["alice is suspended"]
    assert said({**FOUND, "suspended": 1}) == ["alice is let in"]


def test_only_buckets_that_are_not_there_are_made() -> None:
    assert lacking({"buckets": ["a", "b"]}, ["b", "c"]) == ["a"]


def test_a_request_for_a_bucket_is_signed_with_its_users_key() -> None:
    text = request({"access_key": "A", "secret_key": "S"}, "https://192.0.2.1/a")
    assert 'user = "A:S"\n' in text
    assert 'url = "https://192.0.2.1/a"\n' in text
