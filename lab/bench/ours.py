"""Our side: the collection's own playbook, over an inventory that names the guests and their addresses."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from lab import settings
from lab.bench import events, guests, state
from lab.bench.guests import CONTROL, BenchError, Host, Shell
from lab.bench.mirrors import Mirrors
from lab.machine import byhand

BIN = settings.REPOSITORY / ".venv" / "bin"
LAB_VARIABLES = settings.REPOSITORY / "inventories" / "lab" / "group_vars"
ALLOWED_ON_OLD_HOSTS = (
    "See how far the control planes outside of this run are",
    "Label and taint the nodes, and wait until they work",
)
"""Tasks that may run on hosts that were there before, when a worker is added: what the cluster is told or asked."""
SITE_FILE = "zz-bench.yml"


class Ours:
    """Grows a cluster by the playbook, with the lab's own group variables."""

    name = "ours"
    made_by = "overlay"
    """The playbook."""

    def __init__(self, folder: Path, logs: Path, mirrors: Mirrors, kubernetes: str) -> None:
        self._folder = folder
        self._logs = logs
        self._kubernetes = kubernetes
        self._shell = Shell(folder)
        self._runs = 0
        self.last = events.Run((), {})
        self._lay_out(mirrors)

    def cluster(self, hosts: Sequence[Host]) -> None:
        """From booted guests to the wanted state."""
        self.playbook(hosts, "cluster")
        state.wait(self._shell, CONTROL, hosts)

    def add(self, hosts: Sequence[Host], new: Sequence[Host]) -> None:
        """Add booted guests: their host lines, and the playbook for them; ``hosts`` are all hosts afterwards."""
        with state.watched(self._shell, CONTROL, hosts, new):
            self.playbook(hosts, "add", "--limit", ",".join(host.name for host in new))

    def again(self, hosts: Sequence[Host]) -> float:
        """Run the playbook with nothing to change and return its seconds per host."""
        started = time.monotonic()
        self.playbook(hosts, "again")
        seconds = time.monotonic() - started
        changed = self.last.changed()
        if changed:
            raise BenchError("the second run changed something: " + "; ".join(changed[:10]))
        return seconds / len(hosts)

    def ping(self, hosts: Sequence[Host]) -> float:
        """The least run there is: ansible's ping of every host; seconds per host."""
        started = time.monotonic()
        self._ansible(["ansible", "all", "-m", "ansible.builtin.ping"], "ping")
        return (time.monotonic() - started) / len(hosts)

    def close(self) -> None:
        """End the connections."""
        self._shell.close()
        guests.close_connections(self._folder / "cp")

    def playbook(self, hosts: Sequence[Host], label: str, *words: str) -> None:
        """Write the host lines of ``hosts`` and run the playbook, with further words of the command line."""
        text = yaml.safe_dump(self.inventory(hosts), sort_keys=False)
        (self._folder / "inventory" / "hosts.yml").write_text(text, encoding="utf-8")
        self._ansible(["ansible-playbook", f"playbooks/{self.made_by}.yml", *words], label)

    def inventory(self, hosts: Sequence[Host]) -> dict[str, object]:
        """Purpose and address of every guest."""
        return inventory(hosts)

    def _ansible(self, command: Sequence[str], label: str) -> None:
        self._runs += 1
        log = self._logs / f"{self._folder.name}-{self._runs:02d}-{label}.log"
        seen, trips = log.with_suffix(".events"), log.with_suffix(".trips")
        for old in (seen, trips):
            old.unlink(missing_ok=True)
        for program in ("ssh", "sftp"):
            script = self._folder / "bin" / program
            script.write_text(events.wrapper(f"/usr/bin/{program}", guests.NETWORK, trips), encoding="utf-8")
            script.chmod(0o700)
        words = [str(BIN / command[0]), *command[1:], "-i", str(self._folder / "inventory")]
        with log.open("w", encoding="utf-8") as output:
            code = subprocess.run(
                words, cwd=settings.REPOSITORY, env=self._environment(seen), stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, check=False,
            ).returncode  # fmt: skip
        self.last = events.read(seen, trips)
        if code:
            raise BenchError(f"{' '.join(command)} ended with status {code}, see {log}:\n{log.read_text()[-3000:]}")

    def _environment(self, seen: Path) -> dict[str, str]:
        return os.environ | {
            "ANSIBLE_CONFIG": str(settings.REPOSITORY / "ansible.cfg"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._folder / "cp"),
            "ANSIBLE_SSH_EXECUTABLE": str(self._folder / "bin" / "ssh"),
            "ANSIBLE_SFTP_EXECUTABLE": str(self._folder / "bin" / "sftp"),
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.profile_tasks,bench_events",
            "ANSIBLE_NOCOLOR": "1",
            "BENCH_EVENTS": str(seen),
        }

    def _lay_out(self, mirrors: Mirrors) -> None:
        site = self._folder / "site"
        site.mkdir(mode=0o700)
        (self._folder / "bin").mkdir()
        for name in ("id_ed25519", "id_ed25519.pub"):
            shutil.copy2(byhand.KEY.with_name(name), site / name)
        variables = self._folder / "inventory" / "group_vars"
        shutil.copytree(LAB_VARIABLES, variables)
        own = {
            "site_name": "bench",
            "site_state_dir": str(site),
            "artifact_mirror": mirrors.files,
            "registry_mirror": mirrors.registry,
            "kubernetes_version": self._kubernetes,
        }
        (variables / "all" / SITE_FILE).write_text(yaml.safe_dump(own), encoding="utf-8")


def inventory(hosts: Sequence[Host]) -> dict[str, object]:
    """The static inventory: purpose and addresses of every guest, as a cloud's inventory has them."""
    lines = {host.name: {"ansible_host": host.address, "openstack_server_address": host.address} for host in hosts}
    control = {CONTROL.name: lines.pop(CONTROL.name)}
    groups = {"kube_control_plane": {"hosts": control}, "kube_worker": {"hosts": lines}}
    return {"all": {"children": {"kubernetes": {"children": groups}}}}
