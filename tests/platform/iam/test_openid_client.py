"""The module openid_client at a real OpenID provider, over TLS: registered once, changed, removed, no secret lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.iam.canaille import Canaille
from tests.platform.iam.modules import MARKS, run

pytestmark = MARKS
METADATA = {
    "client_name": "Hub of a site",
    "redirect_uris": ["https://hub.example/hub/oauth_callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "client_secret_basic",
    "scope": "openid profile email",
}
KNOWN_SECRETS = ("client_secret", "registration_access_token")


class Client:
    """A client by the file of its registration."""

    def __init__(self, provider: Canaille, folder: Path) -> None:
        self._provider = provider
        self.file = folder / "client.json"
        self.printed = ""

    def __call__(self, *words: str, fails: bool = False, **options: Any) -> dict[str, Any]:
        """Run the module as a playbook's task would; what it returned."""
        arguments = {
            "issuer": self._provider.issuer,
            "authority": str(self._provider.authority),
            "file": str(self.file),
            "metadata": METADATA,
            **options,
        }
        found, self.printed = run("openid_client", arguments, *words, fails=fails)
        return found

    @property
    def kept(self) -> dict[str, Any]:
        """What is kept of the registration."""
        return dict(json.loads(self.file.read_text(encoding="utf-8")))


@pytest.fixture
def client(provider: Canaille, tmp_path: Path) -> Client:
    return Client(provider, tmp_path)


def test_check_mode_registers_nothing(client: Client) -> None:
    assert client("--check")["changed"]
    assert not client.file.exists()


def test_a_client_is_registered_once_and_its_secrets_are_the_owners_alone(client: Client) -> None:
    said = client()
    assert said["changed"]
    assert said["client_id"] == client.kept["client_id"]
    assert client.file.stat().st_mode & 0o777 == 0o600
    for secret in KNOWN_SECRETS:
        assert client.kept[secret]
        assert client.kept[secret] not in client.printed
    before = client.kept
    assert not client()["changed"]
    assert not client("--check")["changed"]
    assert client.kept == before


def test_a_change_keeps_identity_and_secrets_and_what_it_does_not_name(client: Client) -> None:
    client()
    before = client.kept
    assert client(metadata={"client_name": "Another hub"})["changed"]
    assert not client(metadata={"client_name": "Another hub"})["changed"]
    assert {name: client.kept[name] for name in ("client_id", *KNOWN_SECRETS)} == {
        name: before[name] for name in ("client_id", *KNOWN_SECRETS)
    }
    # All else is as it was registered.
    assert not client(metadata={**METADATA, "client_name": "Another hub"})["changed"]


def test_a_client_is_removed_once(client: Client) -> None:
    client()
    assert client("--check", state="absent")["changed"]
    assert client.file.exists()
    assert client(state="absent")["changed"]
    assert not client.file.exists()
    assert not client(state="absent")["changed"]


def test_a_client_that_the_provider_forgot_is_told_and_its_record_stays(client: Client) -> None:
    client()
    copy = client.file.read_bytes()
    client(state="absent")
    client.file.write_bytes(copy)
    assert "Remedy: have its administrator bring it back" in client(fails=True)["msg"]
    assert client.file.read_bytes() == copy


def test_what_the_provider_refuses_is_told_and_leaves_nothing(client: Client, tmp_path: Path) -> None:
    assert "400" in client(fails=True, metadata={**METADATA, "scope": "no-such-scope"})["msg"]
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_keeps_nothing_is_told_before_the_provider_is_asked(client: Client) -> None:
    client.file = Path("/proc/client.json")
    assert "Nothing was asked for" in client(fails=True)["msg"]


def test_a_provider_that_nobody_vouches_for_is_not_believed(client: Client) -> None:
    assert "certificate verify failed" in client(fails=True, authority=None)["msg"].lower().replace("_", " ")


def test_a_provider_that_is_away_is_told(client: Client, provider: Canaille) -> None:
    client()
    before = client.file.read_bytes()
    provider.stop()
    try:
        assert provider.issuer in client(fails=True, metadata={"client_name": "Late"})["msg"]
    finally:
        provider.start()
    assert client.file.read_bytes() == before
