"""The identity provider of the lab's people, and what the lab says of them.

It stands in for INDIGO IAM, which cannot be had here: a real OpenID provider of others, with people in groups.
"""

from __future__ import annotations

import os
import secrets
import shutil

from lab import settings
from lab.iam.canaille import READY_S, Canaille
from lab.programs import Program

FOLDER = settings.STATE / "iam"
PASSWORD = FOLDER / "password"
"""The one of all of them, made with the lab."""
PEOPLE = {"anna": ("theory",), "bruno": ("hackathon",), "carla": ("guests",)}
"""Users and their groups."""


def provider() -> Canaille:
    """The provider, at an address that hosts and pods reach."""
    return Canaille(FOLDER, settings.FABRIC_ADDRESS, settings.IAM_PORT)


def ensure() -> None:
    """Have it with its people; one that was interrupted while it was made is made anew. Raises CommandError."""
    complete = FOLDER / "people"
    if complete.exists():
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    found = provider()
    found.install()
    password = secrets.token_urlsafe(18)
    for name in PEOPLE:
        found.have_user(name, password)
    for group in sorted({group for groups in PEOPLE.values() for group in groups}):
        found.have_group(group, [name for name, groups in PEOPLE.items() if group in groups])
    with os.fdopen(os.open(PASSWORD, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(password)
    complete.touch()


def programs() -> list[Program]:
    """What serves it."""
    found = provider()
    environment = {"CANAILLE_CONFIG": found.environment["CANAILLE_CONFIG"]}
    return [Program("iam", found.command, found.serves, environment, deadline=READY_S)]
