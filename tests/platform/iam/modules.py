"""Modules as a playbook's task runs them on the controller."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from tests.support import ROOT

MARKS = [
    pytest.mark.rotation(
        "iam",
        "plugins/modules/openid",
        "plugins/modules/scim",
        "plugins/module_utils/openid",
        "lab/iam",
        "tests/platform/iam",
    ),
    pytest.mark.duration(120),
]


def run(name: str, arguments: dict[str, Any], *words: str, fails: bool = False) -> tuple[dict[str, Any], str]:
    """Run a module; what it returned, and all that was printed, which is much."""
    program = ROOT / ".venv/bin/ansible"
    command = [str(program), "localhost", "-c", "local", "-m", f"ai_infn.platform.{name}", "-a", json.dumps(arguments)]
    settings = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(
        [*command, "--diff", "-vvv", *words], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, **settings},
    )  # fmt: skip
    printed = done.stdout + done.stderr
    assert bool(done.returncode) == fails, printed
    result = done.stdout[done.stdout.index("=> {") + 3 :]
    return dict(json.JSONDecoder().raw_decode(result)[0]), printed
