"""How an OpenID provider is asked, and what is said of its answers: those that INDIGO IAM 1.12.0 was seen to give."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.openid.http import Answer, ProviderError
from ansible_collections.ai_infn.platform.plugins.module_utils.openid.provider import Provider

ISSUER = "https://iam.example/"
REGISTER = "https://iam.example/iam/api/client-registration"
KEPT = {
    "client_id": "one",
    "client_secret": "the-secret",
    "registration_access_token": "the-token",
    "registration_client_uri": f"{REGISTER}/one",
}
DISCOVERY = {"issuer": ISSUER, "registration_endpoint": REGISTER}


class Told:
    """Answers by method and address, and what was asked."""

    def __init__(self, answers: Mapping[tuple[str, str], tuple[int, object]]) -> None:
        found = {("GET", f"{ISSUER}.well-known/openid-configuration"): (200, DISCOVERY), **answers}
        self._answers = {key: Answer(code, _text(body)) for key, (code, body) in found.items()}
        self.asked: list[tuple[str, str, Any, str]] = []

    def __call__(self, method: str, address: str, body: Mapping[str, Any] | None, token: str) -> Answer:
        self.asked.append((method, address, body, token))
        return self._answers[method, address]


def _text(body: object) -> str:
    return body if isinstance(body, str) else json.dumps(body)


def provider(answers: Mapping[tuple[str, str], tuple[int, object]], issuer: str = ISSUER) -> Provider:
    return Provider(issuer, Told(answers))


def test_a_client_is_registered_where_the_discovery_document_says() -> None:
    told = Told({("POST", REGISTER): (201, {"client_id": "one", "client_secret": "the-secret"})})
    assert Provider(ISSUER, told).register({"client_name": "hub"}, "initial")["client_id"] == "one"
    assert told.asked[-1] == ("POST", REGISTER, {"client_name": "hub"}, "initial")


def test_an_issuer_without_its_slash_is_told_how_it_is_written() -> None:
    with pytest.raises(ProviderError, match=r"issuer https://iam\.example/, and not of https://iam\.example\. Remedy"):
        provider({}, "https://iam.example").discover()


def test_a_page_in_place_of_a_document_is_an_error() -> None:
    answers = {("GET", f"{ISSUER}.well-known/openid-configuration"): (200, "<html>")}
    with pytest.raises(ProviderError, match="no JSON object"):
        provider(answers).discover()


def test_a_provider_that_registers_nobody_is_told() -> None:
    answers = {("GET", f"{ISSUER}.well-known/openid-configuration"): (200, {"issuer": ISSUER})}
    with pytest.raises(ProviderError, match="registers no clients by itself"):
        provider(answers).register({}, "")


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (400, {"error": "Grant type not allowed: password"}),
        (400, ""),
        (403, {"error": "policy"}),
        (405, ""),
        (500, "<h1>"),
    ],
)
def test_a_refused_registration_repeats_what_was_said(code: int, body: object) -> None:
    with pytest.raises(ProviderError, match=f"the client is not registered: {code}"):
        provider({("POST", REGISTER): (code, body)}).register({}, "")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("code", "body"), [(400, {"error": "Invalid registration access token"}), (401, {"error": "invalid_token"})]
)
def test_a_client_that_is_gone_has_a_remedy(method: str, code: int, body: object) -> None:
    asked = provider({(method, f"{REGISTER}/one"): (code, body)})
    with pytest.raises(ProviderError, match=r"knows no client one with this token any more.*remove the file"):
        asked.read(KEPT) if method == "GET" else asked.remove(KEPT)


def test_no_secret_is_repeated_though_the_provider_does() -> None:
    body = {"error": "Invalid access token: the-token", "client_secret": "another", "note": "the-secret another"}
    with pytest.raises(ProviderError) as told:
        provider({("PUT", f"{REGISTER}/one"): (401, body)}).replace(KEPT, {})
    assert "********" in str(told.value)
    for secret in ("the-token", "the-secret", "another"):
        assert secret not in str(told.value)


def test_a_client_without_a_token_cannot_be_managed() -> None:
    with pytest.raises(ProviderError, match="no address or token"):
        provider({}).read({**KEPT, "registration_access_token": None})
