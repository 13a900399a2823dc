"""The module openid_client where a provider gives another token at each answer, as Keycloak does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.ai_infn.platform.plugins.module_utils.openid.http import Answer
from ansible_collections.ai_infn.platform.plugins.module_utils.openid.provider import Provider
from ansible_collections.ai_infn.platform.plugins.modules.openid_client import have

ISSUER = "https://iam.example"
AT = f"{ISSUER}/register"


class Rotating:
    """Knows one client; each answer has a token that alone is good for the next question."""

    def __init__(self) -> None:
        self._number = 0
        self._client: dict[str, Any] = {}

    def __call__(self, method: str, address: str, body: Mapping[str, Any] | None, token: str) -> Answer:
        if address.startswith(f"{ISSUER}/.well-known"):
            return Answer(200, json.dumps({"issuer": ISSUER, "registration_endpoint": AT}))
        if method != "POST" and token != f"token-{self._number}":
            return Answer(401, "")
        self._number += 1
        self._client = {**self._client, **(body or {}), "client_id": "one", "client_secret": "secret"}
        said = {"registration_access_token": f"token-{self._number}", "registration_client_uri": f"{AT}/one"}
        return Answer(200, json.dumps({**self._client, **said}))


def test_the_token_that_is_good_is_always_the_one_that_is_kept(tmp_path: Path) -> None:
    provider = Provider(ISSUER, Rotating())
    options: dict[str, Any] = {
        "file": str(tmp_path / "client.json"),
        "metadata": {"client_name": "Hub"},
        "initial_token": None,
    }
    assert have(provider, options, check_mode=False)["changed"]
    for check_mode in (True, False, True, False):
        assert not have(provider, options, check_mode)["changed"]
    options["metadata"] = {"client_name": "Other"}
    assert have(provider, options, check_mode=True)["changed"]
    assert have(provider, options, check_mode=False)["changed"]
    assert not have(provider, options, check_mode=False)["changed"]
    assert [path.name for path in tmp_path.iterdir()] == ["client.json"]
