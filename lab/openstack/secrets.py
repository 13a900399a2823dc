"""Passwords of the lab's cloud: generated once per lab, kept in one file that only root reads."""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path

from lab import settings

FOLDER = settings.STATE / "openstack"
PASSWORDS = FOLDER / "passwords.json"
SERVICE_USERS = ("placement", "glance", "neutron", "nova", "cinder")
NAMES = ("admin", "site-admin", "rabbitmq", "metadata", *SERVICE_USERS)


def write_private(path: Path, text: str) -> bool:
    """Write ``text`` readable by root alone; False when the file held it already."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        path.chmod(0o600)
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.touch(0o600)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    return True


def passwords() -> dict[str, str]:
    """The password of each name in NAMES; made on the first call."""
    known: dict[str, str] = json.loads(PASSWORDS.read_text(encoding="utf-8")) if PASSWORDS.exists() else {}
    missing = [name for name in NAMES if name not in known]
    if missing:
        known.update({name: secrets.token_urlsafe(24) for name in missing})
        FOLDER.mkdir(parents=True, exist_ok=True)
        FOLDER.chmod(0o700)
        write_private(PASSWORDS, json.dumps(known, indent=1))
    return known


def ensure_key_repository(folder: Path) -> None:
    """Two Fernet keys, one staged and one in use, as ``keystone-manage fernet_setup`` makes them in 3 s."""
    if not (folder / "1").exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        for name in ("0", "1"):
            write_private(folder / name, base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
