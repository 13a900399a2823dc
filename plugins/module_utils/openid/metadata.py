# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a client of an OpenID provider has said of itself, and what differs from what is wanted. Pure: no I/O.

Metadata are those of OpenID Connect Dynamic Client Registration 1.0 and RFC 7591, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Metadata = dict[str, Any]

SECRETS = ("client_secret", "registration_access_token")
"""What of a registration nobody but the client may see."""
OURS_ALONE = ("registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at")
"""What a provider says of a registration, and what RFC 7592, section 2.2, forbids to send back."""


def same(name: str, one: Any, other: Any) -> bool:
    """Tell whether two values of a field mean the same: no order of lists and of a scope's words means anything."""
    return _plain(name, one) == _plain(name, other)


def different(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return the fields of ``wanted`` that ``found`` has otherwise."""
    return [name for name, value in wanted.items() if not same(name, value, found.get(name))]


def to_change(wanted: Mapping[str, Any], found: Mapping[str, Any], kept: Mapping[str, Any]) -> list[str]:
    """Return the fields to be changed.

    What a provider has not taken over is not asked of it again: ``kept`` is the record of the registration, with what
    was ``asked`` for last and what was ``granted`` then.
    """
    asked, granted = kept.get("asked", {}), kept.get("granted", {})
    return [
        name
        for name in different(wanted, found)
        if not (
            name in asked and same(name, wanted[name], asked[name]) and same(name, found.get(name), granted.get(name))
        )
    ]


def replacement(wanted: Mapping[str, Any], found: Mapping[str, Any], kept: Mapping[str, Any]) -> Metadata:
    """Return the whole document that takes the place of ``found``.

    What is left out would be removed (RFC 7592, section 2.2), and a provider is known that lets go of a client without
    its identity, and of a secret that is not in the document. Null means left out, and is not understood by all.
    """
    whole = {name: value for name, value in found.items() if name not in OURS_ALONE and value is not None}
    whole |= {"client_id": kept["client_id"], **wanted}
    if kept.get("client_secret"):
        whole["client_secret"] = kept["client_secret"]
    return whole


def refreshed(answer: Mapping[str, Any], kept: Mapping[str, Any]) -> Metadata:
    """Return a record with what an answer says of how the registration is managed.

    A provider may give another token whenever it is asked, and the one before is worth nothing then (RFC 7592,
    section 3; Keycloak does).
    """
    words = ("registration_access_token", "registration_client_uri")
    return {**kept, **{name: answer[name] for name in words if answer.get(name)}}


def record(answer: Mapping[str, Any], wanted: Mapping[str, Any], kept: Mapping[str, Any]) -> Metadata:
    """Return what is kept of a registration after an answer of the provider.

    What the answer does not say of identity, secret and token is as before: some answers lack it.
    """
    words = ("client_id", "registration_client_uri", "client_secret_expires_at", *SECRETS)
    said = {name: answer[name] for name in words if answer.get(name) is not None}
    return {
        **{name: kept[name] for name in words if name in kept},
        **said,
        "asked": dict(wanted),
        "granted": {name: answer.get(name) for name in wanted},
    }


def visible(document: Mapping[str, Any], names: Mapping[str, Any]) -> Metadata:
    """Return the fields with these names, for a difference that people read, without a secret."""
    return {name: document.get(name) for name in sorted(names) if name not in SECRETS}


def _plain(name: str, value: Any) -> Any:
    if name == "scope":
        return sorted(str(value or "").split())
    return sorted(value, key=str) if isinstance(value, list) else value
