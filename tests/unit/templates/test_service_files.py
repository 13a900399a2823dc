"""The lookup that brings a service of this collection to a host."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleLookupError
from ansible.plugins.loader import lookup_loader

from tests.support import ROOT


def files(package: str, **options: Any) -> list[dict[str, str]]:
    """What the lookup answers."""
    (found,) = lookup_loader.get("ai_infn.platform.service_files").run([package], {}, **options)
    return list(found)


def test_every_module_of_a_package_comes_with_the_command_that_takes_it_over() -> None:
    found = files("postgresql_failover", folder="/usr/local/lib/x", apply="systemctl restart x")
    modules = sorted(path.name for path in (ROOT / "services/postgresql_failover").glob("*.py"))
    assert [one["path"] for one in found] == [f"/usr/local/lib/x/postgresql_failover/{name}" for name in modules]
    assert {one["apply"] for one in found} == {"systemctl restart x"}
    assert "def decide(" in next(one["content"] for one in found if one["path"].endswith("/decision.py"))


def test_a_package_that_is_not_there_is_named() -> None:
    with pytest.raises(AnsibleLookupError, match="there is no services/nobody"):
        files("nobody", folder="/x")
