# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The keys by which daemons and clients are known to a Ceph cluster, and what each of them may."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .client import Ceph

SECRET_BYTES = 16
"""Length of the secret in a key: it is one of AES-128."""
AES = 1
"""Ceph's number for it."""

Capabilities = Mapping[str, str]
"""What an entity may, by kind of daemon: ``{"mon": "allow r"}``."""


@dataclass(frozen=True)
class Entity:
    """Somebody with a key."""

    key: str
    capabilities: Capabilities


@dataclass(frozen=True)
class Step:
    """One change: ``verb`` is ``make``, ``allow`` (other capabilities) or ``remove``."""

    verb: str
    name: str
    capabilities: Capabilities


def entities(document: Mapping[str, Any]) -> dict[str, Entity]:
    """Return who has a key, from the answer of ``ceph auth ls``."""
    return {item["entity"]: Entity(item["key"], dict(item.get("caps") or {})) for item in document["auth_dump"]}


def plan(found: Mapping[str, Entity], wanted: Mapping[str, Capabilities], unwanted: tuple[str, ...] = ()) -> list[Step]:
    """Return the changes that lead from what is there to what is wanted. Whom neither names is left alone."""
    steps = []
    for name, capabilities in wanted.items():
        if name not in found:
            steps.append(Step("make", name, capabilities))
        elif dict(found[name].capabilities) != dict(capabilities):
            steps.append(Step("allow", name, capabilities))
    return steps + [Step("remove", name, {}) for name in unwanted if name in found]


def carry_out(ceph: Ceph, step: Step) -> None:
    """Make one change. Raises CephError."""
    words = [word for pair in sorted(step.capabilities.items()) for word in pair]
    verb = {"make": "get-or-create", "allow": "caps", "remove": "rm"}[step.verb]
    ceph.tell("auth", verb, step.name, *words)


def keyring(name: str, key: str) -> str:
    """Return the file by which an entity is known."""
    return f"[{name}]\n\tkey = {key}\n"


def written(secret: bytes) -> str:
    """Return a secret as Ceph writes it: base64 of kind, time of making (here none), length and secret.

    The numbers are in little endian, as in Ceph's ``CryptoKey::encode``. Raises ValueError for another length.
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a secret has {SECRET_BYTES} bytes, not {len(secret)}")
    return base64.b64encode(struct.pack("<HIIH", AES, 0, 0, len(secret)) + secret).decode("ascii")
