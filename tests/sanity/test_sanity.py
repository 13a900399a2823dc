"""`ansible-test sanity` on the installed tarball, as a user gets the collection."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab.settings import CACHE
from tests.support import ROOT, checked

BIN = Path(sys.executable).parent


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection, built and installed: the folder ``ansible_collections/ai_infn/platform``."""
    folder = tmp_path_factory.mktemp("installed")
    checked([BIN / "ansible-galaxy", "collection", "build", "--output-path", folder, ROOT])
    (tarball,) = folder.glob("*.tar.gz")
    checked(
        [BIN / "ansible-galaxy", "collection", "install", "--no-deps", "--force", "-p", folder, tarball], cwd=folder
    )
    return folder / "ansible_collections" / "ai_infn" / "platform"


def test_the_built_collection_passes_ansible_test_sanity(installed: Path) -> None:
    home = CACHE / "build" / "ansible-test"  # its virtual environments are worth keeping
    bootstrap = home / ".ansible" / "test" / "cache"
    bootstrap.mkdir(parents=True, exist_ok=True)
    from ansible_test._internal.host_configs import NativePythonConfig
    from ansible_test._internal.python_requirements import get_venv_packages

    packages = get_venv_packages(NativePythonConfig(version="3.11", path=sys.executable))
    standin = bootstrap / f"get_pip_{packages['pip'].replace('.', '_')}.py"
    shutil.copy(Path(__file__).with_name("get_pip_standin.py"), standin)
    checked(["git", "init", "-q"], cwd=installed)
    checked(["git", "add", "-A"], cwd=installed)
    done = subprocess.run(
        [str(BIN / "ansible-test"), "sanity", "--venv", "--python", "3.11", "--color", "no"],
        cwd=installed,
        env=os.environ | {"HOME": str(home), "PATH": f"{BIN}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    found = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("ERROR", "FATAL"))]
    assert done.returncode == 0, "\n".join(found)
