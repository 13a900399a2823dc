# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks servers over TLS, whose certificates are always verified."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Optional
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode

from ansible.module_utils.urls import open_url

SAID = 400
"""How much of an answer a message repeats, in characters."""
SECRETS = ("client_secret", "registration_access_token", "access_token", "refresh_token")
"""Fields of an answer that nobody but a client may see."""


class ProviderError(Exception):
    """A server refused or did not answer; the message says what, and the remedy."""


@dataclass(frozen=True)
class Answer:
    """A status of HTTP and the body."""

    status: int
    body: str

    def document(self) -> dict[str, Any]:
        """Return the JSON object that the body is. Raises ProviderError."""
        try:
            found = json.loads(self.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ProviderError(f"it answered {self.status} with no JSON object: {self.body[:SAID]!r}")
        return found

    def said(self, *secrets: str) -> str:
        """Return what an answer says, without secrets: servers are known that repeat a bearer's token."""
        text = " ".join(self.body.split())
        try:
            found = json.loads(self.body)
            secrets = (*secrets, *(str(found[name]) for name in SECRETS if found.get(name)))
        except (ValueError, TypeError, AttributeError):
            pass
        for secret in filter(None, secrets):
            text = text.replace(secret, "********")
        return f"{self.status} {text[:SAID]}".strip()


Ask = Callable[[str, str, Optional[Mapping[str, Any]], str], Answer]
"""Sends METHOD, address, JSON body and bearer token ("" for none) and returns the answer, whatever its status; raises
ProviderError where there is none."""


@dataclass(frozen=True)
class Line:
    """How servers are reached: by whom their certificates are signed ("" for whom the host trusts), and for how many
    seconds an answer is waited for."""

    authority: str = ""
    timeout: int = 30

    def json(self, kind: str = "application/json") -> Ask:
        """Return what asks with bodies of a kind of JSON."""

        def ask(method: str, address: str, body: Optional[Mapping[str, Any]], token: str) -> Answer:
            headers = {"Accept": kind, **({"Content-Type": kind} if body is not None else {})}
            headers |= {"Authorization": f"Bearer {token}"} if token else {}
            return self._send(method, address, None if body is None else json.dumps(body), headers)

        return ask

    def form(self, address: str, fields: Mapping[str, str], user: str, password: str) -> Answer:
        """Send a form with a user's password. Raises ProviderError."""
        return self._send("POST", address, urlencode(fields), {"Accept": "application/json"}, user, password)

    def _send(
        self, method: str, address: str, data: Optional[str], headers: Mapping[str, str], user: str = "", word: str = ""
    ) -> Answer:
        if not address.startswith("https://"):
            raise ProviderError(f"{address} is no address of TLS. Remedy: give one that begins with https://")
        if self.authority and not os.path.exists(self.authority):
            raise ProviderError(f"{self.authority} is not there. Remedy: correct the option authority")
        try:
            found = open_url(
                address, method=method, data=data, headers=headers, ca_path=self.authority or None,
                timeout=self.timeout, follow_redirects="none", url_username=user or None,
                url_password=word or None, force_basic_auth=bool(user),
            )  # fmt: skip
            return Answer(found.status, found.read().decode(errors="replace"))
        except HTTPError as error:
            return Answer(error.code, error.read().decode(errors="replace"))
        except (URLError, OSError, ValueError) as error:
            unsure = " Whether it was done is not known." if method != "GET" else ""
            raise ProviderError(f"{method} {address}: {error}.{unsure}") from error
