# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks an OpenID provider: its discovery document (OpenID Connect Discovery 1.0) and registrations (RFC 7591, 7592)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.ai_infn.platform.plugins.module_utils.openid.http import Answer, Ask, Line, ProviderError

UNKNOWN = (400, 401, 404)
"""How providers answer for a client that they do not know; RFC 7592 says 401, INDIGO IAM says 400 too."""


class Provider:
    """An OpenID provider by its issuer."""

    def __init__(self, issuer: str, ask: Ask) -> None:
        self._issuer = issuer
        self._ask = ask

    def discover(self) -> dict[str, Any]:
        """Return the discovery document. Raises ProviderError, also where it is of another issuer."""
        address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        answer = self._ask("GET", address, None, "")
        if answer.status != 200:
            raise ProviderError(f"{address} answered {answer.status}, needed: 200. Remedy: correct the issuer")
        found = answer.document()
        if found.get("issuer") != self._issuer:
            raise ProviderError(
                f"{address} is of the issuer {found.get('issuer')}, and not of {self._issuer}. Remedy: write the issuer"
                " as the provider does, to the last character"
            )
        return found

    def register(self, wanted: Mapping[str, Any], token: str) -> dict[str, Any]:
        """Register a client; the answer, with its secrets. Raises ProviderError."""
        address = self.discover().get("registration_endpoint")
        if not address:
            raise ProviderError(
                f"{self._issuer} registers no clients by itself (no registration_endpoint). Remedy: have its"
                " administrator register one, and give its id and secret"
            )
        answer = self._ask("POST", address, wanted, token)
        if answer.status not in {200, 201}:
            raise ProviderError(f"the client is not registered: {answer.said(token)}")
        found = answer.document()
        if not found.get("client_id"):
            raise ProviderError(f"{address} answered {answer.status} without a client_id")
        return found

    def read(self, kept: Mapping[str, Any]) -> dict[str, Any]:
        """Return a client's metadata. Raises ProviderError."""
        return self._manage("GET", kept, None, {200}).document()

    def replace(self, kept: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
        """Have other metadata of a client; the answer. Raises ProviderError."""
        return self._manage("PUT", kept, whole, {200}).document()

    def remove(self, kept: Mapping[str, Any]) -> None:
        """Remove a client. Raises ProviderError."""
        self._manage("DELETE", kept, None, {200, 204})

    def _manage(
        self, method: str, kept: Mapping[str, Any], body: Optional[Mapping[str, Any]], good: set[int]
    ) -> Answer:
        address, token = kept.get("registration_client_uri"), kept.get("registration_access_token")
        if not address or not token:
            raise ProviderError(
                f"the registration of {kept['client_id']} has no address or token by which it can be managed. Remedy:"
                " have the provider's administrator change it"
            )
        answer = self._ask(method, address, body, token)
        if answer.status in good:
            return answer
        said = answer.said(token, str(kept.get("client_secret") or ""))
        if answer.status in UNKNOWN and method != "PUT":
            raise ProviderError(
                f"the provider knows no client {kept['client_id']} with this token any more: {said}. Remedy: have its"
                " administrator bring it back, or remove the file to register another one"
            )
        raise ProviderError(f"{method} of the client {kept['client_id']} failed: {said}")


def token_of(provider: Provider, line: Line, kept: Mapping[str, Any], scope: str) -> str:
    """Return a token for a client itself (RFC 6749, section 4.4), of its registration. Raises ProviderError."""
    address = provider.discover().get("token_endpoint", "")
    fields = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
    secret = str(kept.get("client_secret") or "")
    answer = line.form(address, fields, str(kept["client_id"]), secret)
    if answer.status != 200:
        raise ProviderError(f"{kept['client_id']} is given no token: {answer.said(secret)}")
    return str(answer.document()["access_token"])
