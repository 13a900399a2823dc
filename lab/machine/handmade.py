"""Guests made by hand, with disks of their own, as the hosts of a site that playbooks run on."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from lab import settings
from lab.machine import byhand, guest, image, volumes
from lab.machine.processes import wait_for

BIN = settings.REPOSITORY / ".venv" / "bin"


class HandmadeError(RuntimeError):
    """A guest does not do what it was told; the text says which, and what it said."""


class Handmade:
    """Hosts by name and address, all names beginning alike, and the folder of their site."""

    def __init__(self, folder: Path, prefix: str, addresses: Mapping[str, str], suite: str = image.SUITE) -> None:
        self.addresses = dict(addresses)
        self._folder = folder
        self._prefix = prefix
        self._suite = suite

    @property
    def hosts(self) -> list[str]:
        """The hosts' names."""
        return list(self.addresses)

    def boot_guest(
        self, host: str, address: str, disks: Mapping[str, int], format_as: str = "", suite: str = ""
    ) -> None:
        """Boot a guest with disks of so many MiB by the letters of their names, empty or with a file system."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        attached = []
        for letter, size in disks.items():
            file = guest.GUESTS / f"byhand-{host}" / f"disk-{letter}"
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            subprocess.run(["truncate", f"--size={size}M", str(file)], check=True)
            if format_as:
                subprocess.run([f"mkfs.{format_as}", "-q", "-m0", str(file)], check=True)
            attached.append(volumes.Attachment(f"{host}-{letter}", str(file), f"/dev/vd{letter}"))
        byhand.run(host, address, tuple(attached), suite or self._suite)

    def wait_until_booted(self, host: str, seconds: float = 60) -> None:
        """Return when all units of a guest are up. Raises HandmadeError."""
        state = "systemctl", "is-system-running"
        if not wait_for(lambda: "running" in self.run(host, *state, check=False), seconds, 0.2):
            raise HandmadeError(f"{host} does not finish its boot")

    def start(self, host: str) -> None:
        """Power a guest on that was powered off. Raises HandmadeError."""
        found = guest.load(f"byhand-{host}")
        if found is None:
            raise HandmadeError(f"{host} is not there")
        guest.stop(found, seconds=0)
        guest.start(found)
        byhand.wait_for_ssh(self.addresses[host])

    def remove(self) -> None:
        """Remove the guests and their disks, those of a run that was killed too."""
        for found in list(guest.known()):
            if found.uuid.startswith(f"byhand-{self._prefix}"):
                guest.remove(found)
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, host: str, *command: str, check: bool = True, timeout: float = 120) -> str:
        """Run a command as root in a guest, whatever its network. Raises HandmadeError for a failure."""
        done = subprocess.run(
            ["podman", "exec", f"lab-{host}", *command], capture_output=True, text=True, timeout=timeout, check=False
        )
        if done.returncode and check:
            raise HandmadeError(f"{host}: {' '.join(command)[:200]} ended with {done.returncode}: {done.stderr[-500:]}")
        return done.stdout

    def variables(self, site: str) -> dict[str, object]:
        """What the inventory says of all hosts: who the site is, and how its hosts are reached."""
        state = self._folder / "state"
        state.mkdir(exist_ok=True, mode=0o700)
        known = f"-o UserKnownHostsFile={state / 'known_hosts'} -o StrictHostKeyChecking=accept-new"
        return {
            "site_name": site,
            "site_state_dir": str(state),
            "openstack_network_cidr": f"{byhand.GATEWAY.rsplit('.', 1)[0]}.0/{byhand.PREFIX}",
            "ansible_user": "debian",
            "host_base_time_sync": False,  # the clock is the machine's
            "ansible_ssh_private_key_file": str(byhand.KEY),
            "ansible_ssh_common_args": known,
        }

    def declare(self, inventory: Mapping[str, object]) -> None:
        """Write the inventory that the next playbooks run over."""
        (self._folder / "hosts.yml").write_text(yaml.safe_dump(dict(inventory), sort_keys=False), encoding="utf-8")

    def ansible(self, playbook: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a playbook of the collection; what it printed is kept in the site's folder, too."""
        inventory = str(self._folder / "hosts.yml")
        command = [str(BIN / "ansible-playbook"), "-i", inventory, f"playbooks/{playbook}.yml", *words]
        environment = os.environ | {"ANSIBLE_CONFIG": str(settings.REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(
            command, cwd=settings.REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=900
        )
        (self._folder / "playbook.log").write_text(done.stdout + done.stderr, encoding="utf-8")
        return done
