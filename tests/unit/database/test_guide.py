"""What the guide to databases and users shows is as it says."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import yaml
from ansible.plugins.loader import filter_loader
from ansible_collections.ai_infn.platform.plugins.module_utils.options import value_problem

from tests.support import ROOT
from tests.unit.database.answers import DEFAULTS, host

GUIDE = (ROOT / "docs/postgresql.md").read_text(encoding="utf-8")
SPECS = yaml.safe_load((ROOT / "roles/postgresql_databases/meta/argument_specs.yml").read_text(encoding="utf-8"))


def made(password: str, *options: Any) -> str:
    """Return what the filter makes of a password."""
    return str(filter_loader.get("ai_infn.platform.postgresql_scram_verifier").j2_function(password, *options))


def test_its_declaration_has_options_of_the_role_that_do_not_contradict_each_other() -> None:
    _, _, text = GUIDE.partition("\n    postgresql_databases:\n")
    text = text.partition("\n\n")[0].replace("SCRAM-SHA-256$4096:...", made("pencil"))
    declared = yaml.safe_load(f"    postgresql_databases:\n{text}")
    specs = SPECS["argument_specs"]["main"]["options"]
    assert declared.keys() == specs.keys() - {"postgresql_drop_confirmed"}
    assert [value_problem(name, specs[name], value) for name, value in declared.items()] == ["", "", ""]
    for name in ("postgresql_database_problems", "postgresql_database_doubts"):
        found = filter_loader.get(f"ai_infn.platform.{name}").j2_function([{**host("db-1"), **declared}], DEFAULTS)
        assert found == []


def test_its_command_makes_a_verifier_of_a_password_that_no_argument_has() -> None:
    (command,) = (line for line in GUIDE.splitlines() if line.startswith("    ansible localhost"))
    done = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
        env=os.environ | {"PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}", "NEW": "correct horse"},
    )  # fmt: skip
    (verifier,) = (word.strip("\"',") for word in done.stdout.split() if "SCRAM" in word)
    assert made("correct horse", verifier.split("$")[1].split(":")[1]) == verifier
