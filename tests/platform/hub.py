"""The hub of the lab as its people see it, and as its administrator does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab import iam
from lab.sessions.visitor import Visitor, said
from lab.settings import SITE_STATE
from tests.platform.site import Lab
from tests.platform.subjects import HOST, HUB, IDENTITY, STORAGE, TENANTS

MARKS = [
    pytest.mark.rotation(
        "hub",
        *HOST,
        *HUB,
        *IDENTITY,
        *STORAGE,
        *TENANTS,
        "services/network_policy_agent",
        "tests/platform/hub.py",
        "tests/platform/test_hub.py",
        "tests/platform/test_hub_pages.py",
    ),
    pytest.mark.duration(180),
]
NAME = "hub.lab.example"
URL = f"https://{NAME}"
ENTRANCE = "worker-1"
SLICE = "a100-1g.5gb"


@dataclass(frozen=True)
class Hub:
    """The hub and who may be believed about it."""

    lab: Lab
    address: str
    authorities: Path

    def visitor(self) -> Visitor:
        return Visitor(URL, self.address, self.authorities)

    def person(self, name: str) -> Visitor:
        """Somebody who has logged in."""
        visitor = self.visitor()
        page = visitor.login(name, iam.PASSWORD.read_text())
        assert visitor.user, said(page.text)
        return visitor

    def free(self, name: str) -> Visitor:
        """Somebody who has logged in and has no session."""
        visitor = self.person(name)
        if visitor.api("GET", f"users/{visitor.user}")["servers"]:
            visitor.stop()
        return visitor

    @contextmanager
    def session(self, name: str, **choice: str) -> Iterator[Visitor]:
        """Somebody with a session, which is ended afterwards."""
        visitor = self.free(name)
        visitor.start(**choice)
        try:
            yield visitor
        finally:
            visitor.stop()

    def pod(self, visitor: Visitor) -> dict[str, Any]:
        return dict(json.loads(self.lab.kubectl("-n", visitor.user, "get", "pod", "session", "-o", "json")))


def hub_of(lab: Lab, folder: Path) -> Hub:
    """The hub of the lab; who may be believed about it is kept in a folder."""
    authorities = folder / "authorities.crt"
    files = (SITE_STATE / "pki" / "ca.crt", iam.provider().authority)
    authorities.write_text("\n".join(file.read_text() for file in files))
    return Hub(lab, lab.address(ENTRANCE), authorities)
