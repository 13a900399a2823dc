"""The inventory plugin asks for the servers of the site that the variables beside it name."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack import client

from tests.support import ROOT

NAME = "ai_infn.platform.openstack_servers"


class Cloud:
    """One server of each site; it remembers with which cloud and which file it was asked for."""

    project = "project"

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def connect(self, cloud: str, clouds_file: str) -> Cloud:
        self.asked.append((cloud, clouds_file))
        return self

    def listed(self, service: str, *_: str, **__: str) -> list[dict[str, Any]]:
        sites = {"lab": "192.0.2.1", "cnaf": "192.0.2.2", "recas-bari": "192.0.2.3"}
        return [
            {
                "id": site,
                "name": "control-1",
                "status": "ACTIVE",
                "metadata": {"ai_infn_site": site, "ai_infn_host": "control-1"},
                "addresses": {"net": [{"addr": address, "OS-EXT-IPS:type": "fixed", "version": 4}]},
            }
            for site, address in sites.items()
            if service == "compute"
        ]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """The cloud that the plugin asks."""
    made = Cloud()
    monkeypatch.setattr(client, "connect", made.connect)
    return made


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The inventory of cnaf without its state, to be copied and changed."""
    folder = tmp_path / "inventory"
    shutil.copytree(ROOT / "inventories/cnaf", folder, ignore=shutil.ignore_patterns("state"))
    return folder


def write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content))


def addresses(folder: Path) -> dict[str, str]:
    manager = InventoryManager(DataLoader(), sources=[str(folder)])
    return {host.name: host.vars["ansible_host"] for host in manager.get_hosts() if "ansible_host" in host.vars}


def test_site_and_cloud_are_those_of_the_variables(cloud: Cloud, site: Path) -> None:
    assert addresses(site) == {"control-1": "192.0.2.2"}
    assert cloud.asked == [("cnaf", str(site / "state/clouds.yaml"))]


def test_a_copied_inventory_with_another_name_looks_at_its_own_site(cloud: Cloud, site: Path) -> None:
    write(site / "group_vars/all/site.yml", {"site_name": "elsewhere"})
    assert addresses(site) == {}
    write(site / "group_vars/all/site.yml", {"site_name": "recas-bari", "site_state_dir": "/srv/{{ site_name }}"})
    write(site / "group_vars/all/openstack.yml", {})
    assert addresses(site) == {"control-1": "192.0.2.3"}
    assert cloud.asked[-1] == ("recas-bari", "/srv/recas-bari/clouds.yaml")


def test_variables_within_the_file_of_hosts_count_too(cloud: Cloud, site: Path) -> None:
    shutil.rmtree(site / "group_vars")
    write(site / "hosts.yml", {"all": {"vars": {"site_name": "lab"}, "hosts": {"control-1": None}}})
    assert addresses(site) == {"control-1": "192.0.2.1"}
    assert cloud.asked == [("lab", str(site / "state/clouds.yaml"))]


def test_what_the_file_says_itself_comes_first(cloud: Cloud, site: Path) -> None:
    write(site / "openstack.yml", {"plugin": NAME, "site": "lab", "cloud": "other", "clouds_file": "mine.yaml"})
    assert addresses(site) == {"control-1": "192.0.2.1"}
    assert cloud.asked == [("other", str(site / "mine.yaml"))]


@pytest.mark.parametrize(
    ("name", "clouds_file"),
    [
        ("cnaf", "inventories/cnaf/state/clouds.yaml"),
        ("lab", "/var/lib/ai-infn-lab/site/clouds.yaml"),
        ("recas_bari", "inventories/recas_bari/state/clouds.yaml"),
    ],
)
def test_every_inventory_of_the_repository_looks_at_its_own_site(cloud: Cloud, name: str, clouds_file: str) -> None:
    assert list(addresses(ROOT / "inventories" / name)) == ["control-1"]
    assert cloud.asked == [(name, str(ROOT / clouds_file))]


def test_a_host_with_an_address_written_by_hand_keeps_it(cloud: Cloud, site: Path) -> None:
    write(site / "hosts.yml", {"all": {"hosts": {"control-1": {"ansible_host": "192.0.2.9"}}}})
    assert addresses(site) == {"control-1": "192.0.2.9"}
    assert cloud.asked
