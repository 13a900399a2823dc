"""Every linter, over everything it can read."""

import sys
from pathlib import Path

from docs.render import rendered
from tests.support import ROOT, checked

BIN = Path(sys.executable).parent


def test_python_is_clean_for_ruff() -> None:
    checked([BIN / "ruff", "check", "."])


def test_python_is_formatted() -> None:
    checked([BIN / "ruff", "format", "--check", "--diff", "."])


def test_python_types_hold() -> None:
    checked([BIN / "mypy"])


def test_yaml_is_clean() -> None:
    checked([BIN / "yamllint", "--strict", "."])


def test_roles_and_playbooks_pass_the_production_profile() -> None:
    checked([BIN / "ansible-lint", "--offline", "--strict"])


def test_every_role_describes_its_options() -> None:
    missing = [
        role.name for role in sorted((ROOT / "roles").iterdir()) if not (role / "meta" / "argument_specs.yml").is_file()
    ]
    assert missing == []


def test_every_option_has_a_description_that_can_be_rendered() -> None:
    silent = [
        f"{path.parent.name}: {line}"
        for path, text in rendered().items()
        for line in text.splitlines()
        if line.startswith("| `") and line.endswith("|  |")
    ]
    assert silent == []
