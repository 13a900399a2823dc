"""Who may log in, who is still good, and what is said of it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from hub import authenticator as module
from hub.authenticator import SiteAuthenticator, error_code, username
from hub.identity import IdentityError, Left
from tornado import web
from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse

from tests.unit.hub.samples import settings

ACCOUNT = {
    "number": 10001,
    "name": "anna",
    "ready": True,
    "groups": [{"number": 20001, "name": "theory", "ready": True}],
}
STATE = {
    "token_response": {"access_token": "old", "token_type": "Bearer"},
    "refresh_token": "refresh",
    "account": ACCOUNT,
}


class Provider:
    """Answers as an identity provider: ``answers`` by path, a status in the place of one that it refuses."""

    def __init__(self, **answers: Any) -> None:
        usual = {
            "token": {"access_token": "new", "token_type": "Bearer"},
            "userinfo": {"sub": "1f", "groups": ["theory"]},
        }
        self.answers = {**usual, **answers}
        self.asked: list[HTTPRequest] = []

    async def fetch(self, request: HTTPRequest, **_: Any) -> HTTPResponse:
        self.asked.append(request)
        answer = self.answers[urlsplit(request.url).path.rpartition("/")[2]]
        if isinstance(answer, Exception):
            raise answer
        code, body = answer if isinstance(answer, tuple) else (200, answer)
        response = HTTPResponse(request, code, buffer=BytesIO(json.dumps(body).encode()))
        if code >= 400:
            raise HTTPClientError(code, response=response)
        return response


class Numbers:
    """Stands for the database of numbers."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer or ACCOUNT
        self.asked: list[tuple[Any, ...]] = []

    async def login(self, *words: Any) -> dict[str, Any]:
        self.asked.append(words)
        if isinstance(self.answer, Exception):
            raise self.answer
        return dict(self.answer)


class User:
    """A user of the hub with the state that it was given."""

    name = "user-10001"

    def __init__(self, state: dict[str, Any] | None) -> None:
        self._state = state

    async def get_auth_state(self) -> dict[str, Any] | None:
        return self._state


@pytest.fixture(autouse=True)
def site() -> Iterator[None]:
    """Set what is set once for the class, and take it back."""
    SiteAuthenticator.site, SiteAuthenticator.identity = settings(), Numbers()  # type: ignore[assignment]
    yield
    del SiteAuthenticator.site, SiteAuthenticator.identity


def authenticator(provider: Provider, numbers: Numbers | None = None, **values: Any) -> SiteAuthenticator:
    SiteAuthenticator.site = settings(**values)
    SiteAuthenticator.identity = numbers or Numbers()  # type: ignore[assignment]
    made = SiteAuthenticator(
        http_client=provider,
        enable_auth_state=True,
        username_claim=username,
        token_url="https://iam.example/token",
        userdata_url="https://iam.example/userinfo",
    )
    made.log = logging.getLogger("hub-of-the-test")
    return made


def refreshed(one: SiteAuthenticator, state: dict[str, Any] | None = None) -> Any:
    return asyncio.run(one.refresh_user(User(STATE if state is None else state)))


def test_a_user_is_known_by_the_number_and_asked_for_by_the_refresh_token() -> None:
    provider, numbers = Provider(), Numbers()
    model = refreshed(authenticator(provider, numbers))
    assert model["name"] == "user-10001"
    assert model["auth_state"]["refresh_token"] == "refresh"
    assert model["auth_state"]["token_response"]["access_token"] == "new"
    assert b"refresh_token=refresh" in provider.asked[0].body
    assert numbers.asked == [("https://iam.example/", "1f", "1f", ["theory"])]


@pytest.mark.parametrize("answer", [(400, {"error": "invalid_grant"}), (401, {}), (403, {})])
def test_whom_the_provider_refuses_is_good_no_more(answer: tuple[int, Any]) -> None:
    assert refreshed(authenticator(Provider(token=answer))) is False


@pytest.mark.parametrize("answer", [(500, {}), (503, {}), (429, {}), OSError("no route"), TimeoutError()])
def test_while_the_provider_is_away_all_stay_as_they_are(answer: Any) -> None:
    assert refreshed(authenticator(Provider(token=answer))) is True


def test_while_the_database_is_away_all_stay_and_who_has_left_does_not() -> None:
    assert refreshed(authenticator(Provider(), Numbers(IdentityError("away")))) is True
    assert refreshed(authenticator(Provider(), Numbers(Left("has left")))) is False


def test_who_has_left_all_groups_of_the_hub_is_good_no_more() -> None:
    assert refreshed(authenticator(Provider(), allowed_groups=frozenset({"vision"}))) is False


def test_who_has_no_state_has_to_log_in() -> None:
    assert refreshed(authenticator(Provider()), {}) is False


@pytest.mark.parametrize(
    ("groups", "admins", "admin"),
    [({"theory"}, {"theory"}, True), ({"theory"}, {"chiefs"}, False), (set(), set(), False)],
)
def test_who_is_in_an_allowed_group_comes_in(groups: set[str], admins: set[str], admin: bool) -> None:
    one = authenticator(Provider(), allowed_groups=frozenset(groups), admin_groups=frozenset(admins))
    model = asyncio.run(one.update_auth_model({"auth_state": {"account": ACCOUNT}}))
    assert model["admin"] is admin
    assert asyncio.run(one.check_allowed("user-10001", model)) is True


def test_who_is_not_is_told_which_groups_may() -> None:
    one = authenticator(Provider(), allowed_groups=frozenset({"vision"}))
    with pytest.raises(web.HTTPError, match=r"members of: vision\. Your groups are: theory"):
        asyncio.run(one.check_allowed("user-10001", {"auth_state": {"account": ACCOUNT}}))


def test_a_token_of_somebody_else_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "verified", lambda *_: {"sub": "another"})
    one = authenticator(Provider(token={"access_token": "new", "token_type": "Bearer", "id_token": "x.y.z"}))
    assert refreshed(one) is True
    with pytest.raises(Exception, match="somebody else"):
        asyncio.run(one.token_to_user({"access_token": "new", "token_type": "Bearer", "id_token": "x.y.z"}))


def test_what_a_provider_repeats_of_tokens_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    said = {"error": "Invalid token: s3cret", "error_description": "s3cret"}
    with caplog.at_level(logging.DEBUG):
        assert refreshed(authenticator(Provider(token=(401, said)))) is False
    assert "HTTP 401" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    ("body", "code"),
    [(b'{"error": "invalid_grant"}', "invalid_grant"), (b'{"error": "Token eyJ"}', ""), (b"<html>", "")],
)
def test_only_codes_of_errors_are_shown(body: bytes, code: str) -> None:
    assert error_code(body) == code
