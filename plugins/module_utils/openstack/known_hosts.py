# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Forget the pinned keys of hosts that were made anew. Format: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import os
from collections.abc import Collection


def forget(text: str, names: Collection[str]) -> str:
    """Return the lines of a known_hosts file without those of the given names and addresses, plain or hashed."""
    return "".join(line for line in text.splitlines(keepends=True) if not _is_about(line, names))


def forget_in_file(path: str, names: Collection[str]) -> bool:
    """Remove the names' lines from a known_hosts file; say whether there were any. An absent file is an empty one."""
    if not names or not os.path.exists(path):
        return False
    with open(path, "r+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        before = stream.read()
        after = forget(before, names)
        if after != before:
            stream.seek(0)
            stream.write(after)
            stream.truncate()
    return after != before


def _is_about(line: str, names: Collection[str]) -> bool:
    words = line.split()
    if not words or words[0].startswith("#"):
        return False
    pattern = words[1] if words[0].startswith("@") and len(words) > 1 else words[0]
    if pattern.startswith("|1|"):
        return any(_matches_hash(pattern, name) for name in names)
    return any(entry in names or _without_port(entry) in names for entry in pattern.split(","))


def _without_port(entry: str) -> str:
    return entry[1:].partition("]")[0] if entry.startswith("[") else entry


def _matches_hash(pattern: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part) for part in pattern[3:].split("|", 1))
    except ValueError:
        return False
    # The format prescribes SHA-1; it hides names here and protects nothing.
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)
