"""Plays that bring, load and upgrade the driver, run by Ansible on hosts that are pretended."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import ROOT

PRETENDED = ("nvidia_driver_info", "kubernetes_drain", "host_setup")
BUILTIN = ("apt", "command", "modprobe", "reboot", "systemd_service")
VERSION, NEWER = "550.163.01", "550.90.07"
HOST: dict[str, Any] = {
    "loaded": VERSION,
    "installed": VERSION,
    "candidate": VERSION,
    "nouveau": False,
    "broken": False,
    "secure_boot": False,
    "packages": {"nvidia-smi": f"{VERSION}-2", "nvidia-open-kernel-dkms": f"{VERSION}-2"},
}
SEQUENCE = ["kubernetes_drain", "reboot", "kubernetes_drain schedulable"]
"""What disturbs a host, in this order."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended, with the calls of modules as ``host: module state``."""

    code: int
    said: str
    calls: list[str]
    args: list[dict[str, Any]]
    hosts: dict[str, dict[str, Any]]

    def disturbing(self) -> list[str]:
        """The calls that disturb hosts, in order."""
        return [call for call in self.calls if call.split(": ")[1].split(" (")[0] in (*SEQUENCE, "modprobe")]


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the collection whose modules only pretend."""
    folder = tmp_path_factory.mktemp("collections")
    copy = folder / "ansible_collections" / "ai_infn" / "platform"
    for name in ("plugins", "meta", "roles", "playbooks"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "galaxy.yml", copy)
    (copy / "plugins" / "action").mkdir()
    for name in (*PRETENDED, *BUILTIN):
        shutil.copy(Path(__file__).with_name("pretend.py"), copy / "plugins" / "action" / f"{name}.py")
    for path in (copy / "roles" / "nvidia_driver" / "tasks").glob("*.yml"):
        text = re.sub(
            rf"(ansible\.builtin|community\.general)\.({'|'.join(BUILTIN)}):", r"ai_infn.platform.\2:", path.read_text()
        )
        path.write_text(text)
    return copy


class Site:
    """Two hosts with cards, and the playbooks on them."""

    def __init__(self, collection: Path, folder: Path) -> None:
        self._collection = collection
        self._folder = folder
        self.hosts: dict[str, dict[str, Any]] = {"gpu-1": dict(HOST), "gpu-2": dict(HOST)}
        self.options: dict[str, Any] = {}

    def run(self, plays: list[dict[str, Any]], *arguments: str) -> Outcome:
        """Run plays, in ``playbooks/``, whose hooks and roles are those of the collection."""
        playbook = self._collection / "playbooks" / "pretended.yml"
        playbook.write_text(yaml.safe_dump(plays, sort_keys=False))
        inventory = self._folder / "hosts.yml"
        children = {"gpu": {"hosts": dict.fromkeys(self.hosts)}, "kube_control_plane": {"hosts": {"control-1": None}}}
        known = {"ansible_connection": "local", "ansible_become": False, "kubernetes_leader": "control-1"}
        inventory.write_text(yaml.safe_dump({"all": {"children": children, "vars": known | self.options}}))
        state = self._folder / "state.json"
        state.write_text(json.dumps({"hosts": self.hosts | {"control-1": dict(HOST)}, "calls": [], "args": []}))
        settings = self._folder / "ansible.cfg"
        path = self._collection.parents[2]
        settings.write_text(f"[defaults]\ncollections_path = {path}\nhost_pattern_mismatch = ignore\nforks = 1\n")
        environment = os.environ | {"ANSIBLE_CONFIG": str(settings), "PRETENDED_HOSTS": str(state)}
        unused = ("nvidia_container_toolkit_part", "nvidia_mig_restore_part")  # they need digests
        extra = json.dumps({name: {} for name in unused})
        program = ROOT / ".venv/bin/ansible-playbook"
        command: list[str | Path] = [program, "-i", inventory, playbook, "-e", extra, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        found = json.loads(state.read_text())
        self.hosts = {name: host for name, host in found["hosts"].items() if name in self.hosts}
        return Outcome(done.returncode, done.stdout + done.stderr, found["calls"], found["args"], self.hosts)

    def drive(self, *arguments: str) -> Outcome:
        """Run what gpu.yml does until the driver runs."""
        plays = yaml.safe_load((ROOT / "playbooks" / "gpu.yml").read_text())
        (cut,) = [number for number, play in enumerate(plays) if play.get("import_playbook") == "mig.yml"]
        return self.run(plays[:cut], *arguments)

    def upgrade(self, *arguments: str) -> Outcome:
        """Run upgrade_driver.yml; who leads is known."""
        return self.run(yaml.safe_load((ROOT / "playbooks" / "upgrade_driver.yml").read_text())[1:], *arguments)

    def preflight(self) -> Outcome:
        """Run the layer's checks of hosts."""
        hook = {"ansible.builtin.include_tasks": "layers/50-gpu/preflight_host.yml"}
        return self.run([{"hosts": "gpu", "gather_facts": False, "tasks": [hook]}])


@pytest.fixture
def site(collection: Path, tmp_path: Path) -> Site:
    return Site(collection, tmp_path)


def of(host: str, *calls: str) -> list[str]:
    return [f"{host}: {call}" for call in calls]


def test_hosts_whose_driver_runs_are_not_disturbed(site: Site) -> None:
    done = site.drive()
    assert done.code == 0, done.said
    assert done.disturbing() == []
    assert "changed=0" in done.said and not re.search(r"changed=[1-9]", done.said), done.said
    (asked, *_rest) = [args for args in done.args if args.get("hold")]
    assert asked["packages"] == [*asked["hold"], "linux-headers-cloud-amd64"]
    assert asked["hold"][0] == "nvidia-open-kernel-dkms"


def test_a_new_module_is_loaded_without_drain_and_reboot(site: Site) -> None:
    site.hosts["gpu-2"]["loaded"] = ""
    done = site.drive()
    assert done.code == 0, done.said
    assert done.disturbing() == of("gpu-2", "modprobe")
    assert "gpu-2: systemd_service" in done.calls


def test_hosts_that_only_a_reboot_helps_are_drained_one_after_the_other(site: Site) -> None:
    site.hosts["gpu-1"]["nouveau"] = True
    site.hosts["gpu-2"]["loaded"] = NEWER
    done = site.drive()
    assert done.code == 0, done.said
    sequence = ["kubernetes_drain", "reboot", "modprobe", "kubernetes_drain schedulable"]
    assert done.disturbing() == of("gpu-1", *sequence) + of("gpu-2", *sequence)
    assert site.drive().disturbing() == []


def test_a_host_that_fails_gets_its_cordon_back_and_ends_the_run(site: Site) -> None:
    for host in site.hosts.values():
        host["loaded"] = NEWER
    site.hosts["gpu-1"]["broken"] = True
    done = site.drive()
    assert done.code != 0
    assert done.disturbing()[-1] == "gpu-1: kubernetes_drain schedulable"
    assert not [call for call in done.disturbing() if call.startswith("gpu-2")]
    assert "The driver of gpu-1 was not changed as declared, and no further host was touched" in done.said
    assert "version mismatch" in done.said


def test_check_mode_says_who_would_reboot_and_reboots_nobody(site: Site) -> None:
    site.hosts["gpu-1"]["loaded"] = NEWER
    before = dict(site.hosts["gpu-1"])
    done = site.drive("--check")
    assert done.code == 0, done.said
    assert "gpu-1: reboot (check)" in done.calls
    assert done.hosts["gpu-1"] == before


def test_an_image_that_brings_the_module_is_asked_nothing(site: Site) -> None:
    site.options = {"nvidia_driver_kernel_module": "none", "nvidia_driver_packages": ["nvidia-smi"]}
    site.hosts["gpu-1"]["loaded"] = ""
    done = site.drive()
    assert done.code == 0, done.said
    assert [call for call in done.calls if "nvidia_driver_info" in call] == []
    assert next(args for args in done.args if args.get("hold"))["packages"] == ["nvidia-smi"]


def test_an_upgrade_of_nothing_changes_nothing(site: Site) -> None:
    done = site.upgrade()
    assert done.code == 0, done.said
    assert done.disturbing() == []
    assert not re.search(r"changed=[1-9]", done.said), done.said


def test_an_upgrade_drains_and_reboots_one_host_after_the_other(site: Site) -> None:
    for host in site.hosts.values():
        host["loaded"] = host["installed"] = NEWER
    shown = site.upgrade("--check")
    assert shown.code == 0, shown.said
    assert f"gpu-1: Inst nvidia-smi [{NEWER}] ({VERSION} Debian)" in shown.said
    assert shown.hosts["gpu-1"]["installed"] == NEWER
    done = site.upgrade()
    assert done.code == 0, done.said
    sequence = ["kubernetes_drain", "reboot", "modprobe", "kubernetes_drain schedulable"]
    assert done.disturbing() == of("gpu-1", *sequence) + of("gpu-2", *sequence)
    assert {host["loaded"] for host in done.hosts.values()} == {VERSION}


def test_the_other_kernel_module_comes_by_an_upgrade_only_and_the_old_one_goes(site: Site) -> None:
    site.options = {"nvidia_driver_kernel_module": "proprietary"}
    assert site.preflight().code != 0
    done = site.upgrade()
    assert done.code == 0, done.said
    (removal, *_) = [args for args in done.args if args.get("state") == "absent"]
    assert removal["name"] == ["nvidia-open-kernel-dkms", "nvidia-open-kernel-support"]
    assert done.calls.index("gpu-1: apt latest") < done.calls.index("gpu-1: apt absent")


def test_an_upgrade_without_kernel_module_of_ours_reboots_nothing(site: Site) -> None:
    site.options = {"nvidia_driver_kernel_module": "none", "nvidia_driver_packages": ["nvidia-smi"]}
    assert site.upgrade().disturbing() == []


@pytest.mark.parametrize(
    ("options", "host", "words"),
    [
        ({}, {}, ""),
        ({"nvidia_driver_branch": "570"}, {"packages": {}}, ""),
        ({"nvidia_driver_branch": "570"}, {}, "wants branch 570 .* Remedy: upgrade_driver.yml"),
        ({"nvidia_driver_kernel_module": "proprietary"}, {}, "kernel module proprietary.* Remedy: upgrade_driver.yml"),
        ({"nvidia_driver_kernel_module": "none"}, {}, ""),
        ({"nvidia_driver_branch": "470"}, {"packages": {}}, "open kernel module of branch 470. Needed: branch 515"),
        ({}, {"secure_boot": True}, "secure boot and trusts no key .* Needed: .* Remedy: .*mokutil"),
        ({"nvidia_driver_kernel_module": "none"}, {"secure_boot": True}, ""),
    ],
)
def test_preflight_names_what_the_driver_cannot_be(
    site: Site, options: dict[str, Any], host: dict[str, Any], words: str
) -> None:
    site.options = options
    site.hosts["gpu-1"] |= host
    site.hosts["gpu-2"] |= host
    done = site.preflight()
    said = " ".join(done.said.split())
    assert (done.code == 0) == (not words), said
    assert re.search(words, said), said
