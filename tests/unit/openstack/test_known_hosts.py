"""Only the keys of a host that is made anew are forgotten."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.known_hosts import forget, forget_in_file

OTHERS = "# comment\n10.64.0.12 ssh-ed25519 BBBB\n\n@cert-authority *.example ssh-ed25519 CCCC\n"


def hashed(name: str) -> str:
    salt = b"01234567890123456789"
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()} ssh-ed25519 AAAA\n"


def test_plain_hashed_and_port_entries_of_the_host_go() -> None:
    lines = "10.64.0.11 ssh-ed25519 AAAA\n[10.64.0.11]:2222,other ssh-rsa AAAA\n" + hashed("10.64.0.11")
    assert forget(lines + OTHERS, {"10.64.0.11"}) == OTHERS


def test_other_hosts_keep_their_keys() -> None:
    lines = OTHERS + hashed("10.64.0.111") + "10.64.0.111 ssh-ed25519 AAAA\n|1|broken ssh-ed25519 AAAA\n"
    assert forget(lines, {"10.64.0.11"}) == lines


def test_the_file_is_written_only_when_something_goes(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    assert not forget_in_file(str(path), {"a"})
    path.write_text("a ssh-ed25519 AAAA\n" + OTHERS)
    assert forget_in_file(str(path), {"a"}) and path.read_text() == OTHERS
    assert not forget_in_file(str(path), {"a"})
