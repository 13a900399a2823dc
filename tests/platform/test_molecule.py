"""The scenarios of extensions/molecule, as `make molecule` runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import package_proxy
from tests.support import ROOT


@pytest.mark.rotation("molecule", "extensions/molecule")
@pytest.mark.duration(300)
def test_the_scenario_of_the_database_converges_changes_nothing_more_and_is_verified(host_packages: None) -> None:
    programs = Path(sys.executable).parent
    command = [str(programs / "molecule"), "test", "--scenario-name", "postgresql"]
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "NO_COLOR": "1"}
    with package_proxy.for_guests():
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
