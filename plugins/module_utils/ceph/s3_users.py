# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users of a RADOS gateway: what differs from what is wanted, and the commands that change it. Pure: no I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Optional

GIB = 1 << 30
EMPTY = hashlib.sha256().hexdigest()
"""Digest of a request without a body."""
ANY_SIZE = -1


@dataclass(frozen=True)
class Step:
    """A command of radosgw-admin, and what it does in words."""

    words: tuple[str, ...]
    said: str


def steps(wanted: Mapping[str, Any], found: Optional[Mapping[str, Any]]) -> Iterator[Step]:
    """Yield what makes a user as wanted; ``found`` is the answer of ``user info``, None where there is no such user.

    ``wanted`` has name, access_key, secret_key, quota_gib and suspended. Keys that the user has beside stay.
    """
    name = wanted["name"]
    user = ("--uid", name)
    keys = ("--access-key", wanted["access_key"], "--secret-key", wanted["secret_key"])
    if found is None:
        yield Step(("user", "create", *user, "--display-name", name, *keys), f"{name} is made")
        found = {}
    elif not _has_key(wanted, found):
        yield Step(("key", "create", *user, "--key-type", "s3", *keys), f"{name} has the key")
    quota = found.get("user_quota", {})
    size = wanted["quota_gib"] * GIB or ANY_SIZE
    if (quota.get("max_size", ANY_SIZE) if quota.get("enabled") else ANY_SIZE) != size:
        scope = ("quota", "set", "--quota-scope", "user", *user, "--max-size", str(size))
        yield Step(scope, f"{name} has a quota of {wanted['quota_gib'] or 'any number of'} GiB")
        verb = "disable" if size == ANY_SIZE else "enable"
        yield Step(("quota", verb, "--quota-scope", "user", *user), f"the quota of {name} is {verb}d")
    if bool(found.get("suspended", 0)) != wanted["suspended"]:
        verb = "suspend" if wanted["suspended"] else "enable"
        yield Step(("user", verb, *user), f"{name} is {'suspended' if wanted['suspended'] else 'let in'}")


def lacking(wanted: Mapping[str, Any], found: Iterable[str]) -> list[str]:
    """Return the buckets of ``wanted`` that are not ``found``."""
    return [bucket for bucket in wanted["buckets"] if bucket not in set(found)]


def request(wanted: Mapping[str, Any], address: str) -> str:
    """Return the configuration with which curl makes a bucket for its user (``--config -``), key included."""
    lines = {
        "user": f"{wanted['access_key']}:{wanted['secret_key']}",
        "aws-sigv4": "aws:amz:default:s3",
        "header": f"x-amz-content-sha256: {EMPTY}",
        "request": "PUT",
        "url": address,
    }
    return "".join(f'{name} = "{value}"\n' for name, value in lines.items())


def _has_key(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    pair = wanted["access_key"], wanted["secret_key"]
    return any((key["access_key"], key["secret_key"]) == pair for key in found.get("keys", []))
