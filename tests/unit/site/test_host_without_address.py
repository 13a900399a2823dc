"""A host whose server the inventory does not find is an error at once, not a wait."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import ROOT

HOSTS: dict[str, Any] = {
    "found": {"openstack_server_flavor": "m1.small", "ansible_host": "127.0.0.1", "ansible_connection": "local"},
    "metal": {"ansible_connection": "local"},
    "lost": {"openstack_server_flavor": "m1.small"},
}


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """A site whose openstack.yml finds no server of it."""
    folder = tmp_path / "inventory"
    folder.mkdir()
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": {"worker": {"hosts": HOSTS}}}}))
    plugin = {"plugin": "ai_infn.platform.openstack_servers", "site": "other", "clouds_file": "nowhere.yaml"}
    (folder / "openstack.yml").write_text(yaml.safe_dump(plugin))
    return folder


def test_only_the_host_without_a_server_is_stopped_and_told_why(inventory: Path) -> None:
    # The limit leaves out localhost, and with it the project itself.
    command = ["-i", inventory, "playbooks/cloud.yml", "--limit", "worker", "-e", "site_name=mine"]
    done = subprocess.run(
        [str(ROOT / ".venv/bin/ansible-playbook"), *map(str, command)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    text = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 2, text
    assert f"lost has a flavor and no address: {inventory}/openstack.yml found no server of site mine" in text
    failed = dict(re.findall(r"(\w+) : ok=.*?failed=(\d)", text.partition("PLAY RECAP")[2]))
    assert failed == {"found": "0", "metal": "0", "lost": "1"}
