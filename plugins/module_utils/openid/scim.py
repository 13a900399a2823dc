# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Groups and their members at a server of SCIM 2.0 (RFC 7643, 7644), and at INDIGO IAM where that differs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Optional
from urllib.parse import quote, urlencode

from ansible_collections.ai_infn.platform.plugins.module_utils.openid.http import Answer, Ask, ProviderError

KIND = "application/scim+json"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

Json = dict[str, Any]


class Scim:
    """A server by the address of its SCIM, asked with a token."""

    dialect = "standard"

    def __init__(self, endpoint: str, token: str, ask: Ask) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._token = token
        self._ask = ask

    def find(self, kind: str, field: str, name: str) -> Optional[Json]:
        """Return the one of Users or Groups whose field is a name, None where there is none. Raises ProviderError."""
        # A server may take no notice of a filter and list all there are, as INDIGO IAM does.
        condition = f"{field} eq {json.dumps(name)}"
        found = [one for one in self._all(f"/{kind}", filter=condition) if one.get(field) == name]
        if len(found) > 1:
            raise ProviderError(f"{len(found)} of {kind} have the {field} {name}. Remedy: rename all but one")
        return found[0] if found else None

    def user_ids(self, names: Iterable[str]) -> dict[str, str]:
        """Return the users' identifiers by their names. Raises ProviderError naming all that are not there."""
        found = {name: self.find("Users", "userName", name) for name in names}
        lacking = sorted(name for name, user in found.items() if user is None)
        if lacking:
            raise ProviderError(
                f"no user is named {', '.join(lacking)}. Remedy: correct the names; a person is there once the server"
                " knows them"
            )
        return {name: str(user["id"]) for name, user in found.items() if user}

    def name_of(self, identifier: str) -> str:
        """Return the name of the user with an identifier. Raises ProviderError."""
        return str(self._send("GET", f"/Users/{quote(identifier)}", None, {200}).document()["userName"])

    def members(self, group: Json) -> set[str]:
        """Return the identifiers of a group's members. Raises ProviderError."""
        whole = self._send("GET", f"/Groups/{quote(group['id'])}", None, {200}).document()
        return {str(one["value"]) for one in whole.get("members") or []}

    def create(self, name: str, members: Iterable[str]) -> Json:
        """Make a group with members, by their identifiers, and return it. Raises ProviderError."""
        # At once, since a server may want none to be empty.
        body = {"schemas": [GROUP], "displayName": name, "members": self._references(members)}
        return self._send("POST", "/Groups", body, {201}).document()

    def remove(self, group: Json) -> None:
        """Remove a group. Raises ProviderError."""
        self._send("DELETE", f"/Groups/{quote(group['id'])}", None, {204})

    def change(self, group: Json, before: set[str], after: set[str]) -> None:
        """Have other members than before, by their identifiers. Raises ProviderError."""
        operations = list(self._operations(before, after))
        if operations:
            body = {"schemas": [PATCH], self._word: operations}
            self._send("PATCH", f"/Groups/{quote(group['id'])}", body, {200, 204})

    _word = "Operations"

    def _operations(self, before: set[str], after: set[str]) -> Iterator[Json]:
        # Few servers understand a path that names one of several values, by which only some would be removed.
        if not after and before:
            yield {"op": "remove", "path": "members"}
        elif before - after:
            yield {"op": "replace", "path": "members", "value": self._references(after)}
        elif after - before:
            yield {"op": "add", "path": "members", "value": self._references(after - before)}

    def _references(self, users: Iterable[str]) -> list[Json]:
        return [{"value": one, "$ref": f"{self._endpoint}/Users/{one}"} for one in sorted(users)]

    def _all(self, path: str, **query: str) -> Iterator[Json]:
        """Go through all pages of a list, which are as long as the server likes."""
        seen = 0
        while True:
            words = urlencode({**query, "startIndex": str(seen + 1)}, quote_via=quote)
            page = self._send("GET", f"{path}?{words}", None, {200}).document()
            resources = page.get("Resources") or []
            yield from resources
            seen += len(resources)
            if not resources or seen >= int(page.get("totalResults", 0)):
                return

    def _send(self, method: str, path: str, body: Optional[Json], good: set[int]) -> Answer:
        answer = self._ask(method, f"{self._endpoint}{path}", body, self._token)
        if answer.status not in good:
            raise ProviderError(f"{method} {self._endpoint}{path.partition('?')[0]}: {answer.said(self._token)}")
        return answer


class Indigo(Scim):
    """INDIGO IAM, as 1.12.0 was seen to answer: members are a list of their own, and operations are written small."""

    dialect = "indigo"
    _word = "operations"

    def members(self, group: Json) -> set[str]:
        """Return the identifiers of a group's members. Raises ProviderError."""
        return {str(one["value"]) for one in self._all(f"/Groups/{quote(group['id'])}/members")}

    def create(self, name: str, members: Iterable[str]) -> Json:
        """Make a group with members, by their identifiers, and return it. Raises ProviderError."""
        group = self._send("POST", "/Groups", {"schemas": [GROUP], "displayName": name}, {201}).document()
        self.change(group, set(), set(members))
        return group

    def _operations(self, before: set[str], after: set[str]) -> Iterator[Json]:
        for word, ones in (("add", after - before), ("remove", before - after)):
            if ones:
                yield {"op": word, "path": "members", "value": [{"value": one} for one in sorted(ones)]}


DIALECTS = {found.dialect: found for found in (Scim, Indigo)}
