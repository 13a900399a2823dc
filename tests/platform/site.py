"""The raised lab as the tests see it: playbooks, hosts, the cloud as operator and as tenant."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import ansible_runner
import openstack
import testinfra
import yaml

from lab.settings import SITE_STATE, STATE
from tests.support import ROOT

INVENTORY = ROOT / "inventories" / "lab"
BIN = Path(sys.executable).parent
ENVIRONMENT = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "PATH": f"{BIN}:{os.environ['PATH']}"}


@dataclass
class Run:
    """What one ansible-playbook run did: its exit status, its events, and all it printed."""

    rc: int
    events: list[dict[str, Any]]
    output: str

    @property
    def stats(self) -> dict[str, Any]:
        """The closing statistics: ``{"changed": {host: count}, "failures": {...}, "ok": {...}, ...}``."""
        ends = [event["event_data"] for event in self.events if event["event"] == "playbook_on_stats"]
        return ends[-1] if ends else {}

    def results(self, *kinds: str) -> list[dict[str, Any]]:
        """Return ``{host, task, res}`` of the events of these kinds, for example ``runner_on_failed``."""
        return [
            {
                "host": event["event_data"].get("host"),
                "task": event["event_data"]["task"],
                "res": event["event_data"]["res"],
            }
            for event in self.events
            if event["event"] in kinds and "res" in event["event_data"]
        ]

    @property
    def changed(self) -> list[str]:
        """``host: task`` of everything that changed, or would change in check mode."""
        return [
            f"{result['host']}: {result['task']}"
            for result in self.results("runner_on_ok")
            if result["res"].get("changed")
        ]

    @property
    def failures(self) -> str:
        """The messages of failed and unreachable tasks, as one text."""
        failed = self.results("runner_on_failed", "runner_on_unreachable", "runner_item_on_failed")
        return "\n".join(
            f"{result['host']}: {result['task']}: {result['res'].get('msg', result['res'])}" for result in failed
        )

    def assert_ok(self) -> Run:
        assert self.rc == 0, self.failures or self.output[-4000:]
        return self

    def assert_unchanged(self) -> Run:
        self.assert_ok()
        assert self.changed == []
        assert not self.stats["changed"], "a task changed something whose result is censored"
        return self


class Lab:
    """The lab's site. ``inventory`` may be an edited copy of the lab's own."""

    def playbook(
        self,
        name: str,
        *arguments: str,
        inventory: Path = INVENTORY,
        check: bool = False,
        extra: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None,
    ) -> Run:
        """Run ``playbooks/<name>.yml`` to its end, through ansible-runner."""
        words = [*arguments, *(["--check", "--diff"] if check else [])]
        with tempfile.TemporaryDirectory(prefix="run-") as folder:
            runner = ansible_runner.run(
                private_data_dir=folder,
                project_dir=str(ROOT),
                playbook=f"playbooks/{name}.yml",
                inventory=str(inventory),
                cmdline=" ".join(words),
                extravars=extra or {},
                envvars=ENVIRONMENT | (environment or {}),
                quiet=True,
            )
            return Run(runner.rc, list(runner.events), runner.stdout.read())

    def site(self, inventory: Path = INVENTORY) -> Run:
        """Converge; the way back to health after every fault."""
        return self.playbook("site", inventory=inventory).assert_ok()

    def status(self, inventory: Path = INVENTORY) -> dict[str, Any]:
        """Return the status document."""
        with tempfile.TemporaryDirectory(prefix="status-") as folder:
            path = Path(folder) / "status.json"
            run = self.playbook("status", inventory=inventory, extra={"status_file": str(path)})
            assert path.is_file(), run.output[-4000:]
            return dict(json.loads(path.read_text(encoding="utf-8")))

    def assert_ok(self, inventory: Path = INVENTORY, within: float = 0) -> None:
        """Assert that status is ok, at the latest ``within`` seconds from now."""
        deadline = time.monotonic() + within
        while not (document := self.status(inventory))["ok"]:
            assert time.monotonic() < deadline, document["failures"]

    def hostvars(self, inventory: Path = INVENTORY) -> dict[str, dict[str, Any]]:
        """Return the variables of all hosts as Ansible sees them, live addresses included."""
        command = [str(BIN / "ansible-inventory"), "-i", str(inventory), "--list"]
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=True
        )
        return dict(json.loads(done.stdout)["_meta"]["hostvars"])

    def address(self, host: str, inventory: Path = INVENTORY) -> str:
        return str(self.hostvars(inventory)[host]["ansible_host"])

    def ssh(self, host: str, inventory: Path = INVENTORY) -> Any:
        """Return the testinfra host; commands run as root."""
        return self.connection(self.hostvars(inventory)[host])

    @staticmethod
    def connection(variables: dict[str, Any]) -> Any:
        """Return the testinfra host that has these variables, for tests that ask many hosts."""
        state = Path(variables["site_state_dir"])
        config = state / "ssh_config"
        config.write_text(
            f"Host *\n  User debian\n  IdentityFile {state / 'id_ed25519'}\n"
            f"  UserKnownHostsFile {state / 'known_hosts'}\n"
            "  StrictHostKeyChecking accept-new\n  ConnectTimeout 10\n",
            encoding="utf-8",
        )
        return testinfra.get_host(f"ssh://{variables['ansible_host']}", ssh_config=str(config), sudo=True)

    def kubectl(self, *arguments: str, stdin: str | None = None, on: str = "control-1") -> str:
        """Run kubectl as the cluster's administrator on a control plane and return what it printed."""
        host = self.ssh(on)
        words = " ".join(f"'{word}'" for word in ("kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", *arguments))
        feed = f"cat <<'END_OF_DOCUMENT' | {words}\n{stdin}\nEND_OF_DOCUMENT" if stdin is not None else words
        done = host.run(feed)
        assert done.rc == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return str(done.stdout)

    def objects(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        """Return the API objects of a kind, of all namespaces unless the arguments say otherwise."""
        scope = arguments or ("--all-namespaces",)
        return list(json.loads(self.kubectl("get", kind, "-o", "json", *scope))["items"])

    @contextmanager
    def inventory_copy(self, change: dict[str, Any] | None = None) -> Iterator[Path]:
        """Give an editable copy of the lab's inventory; ``change`` is merged into the groups of its hosts.yml."""
        with tempfile.TemporaryDirectory(prefix="inventory-") as folder:
            copy = Path(folder) / "lab"
            shutil.copytree(INVENTORY, copy)
            if change:
                hosts = copy / "hosts.yml"
                document = yaml.safe_load(hosts.read_text(encoding="utf-8"))
                hosts.write_text(yaml.safe_dump(merged(document, change)), encoding="utf-8")
            yield copy

    @property
    def admin(self) -> Any:
        """The cloud as its operator."""
        return openstack.connection.Connection(config=self._region("admin", STATE / "admin-clouds.yaml"))

    @property
    def tenant(self) -> Any:
        """The cloud as the site's administrator, an ordinary tenant."""
        return self.cloud("lab")

    def cloud(self, name: str) -> Any:
        """A project of the lab's cloud as its tenant: ``lab``, ``cnaf`` or ``recas_bari``."""
        return openstack.connection.Connection(config=self._region(name, SITE_STATE / "clouds.yaml"))

    @staticmethod
    def _region(cloud: str, path: Path) -> Any:
        loader = openstack.config.OpenStackConfig(config_files=[str(path)], load_envvars=False)
        return loader.get_one(cloud=cloud)


def merged(base: Any, change: Any) -> Any:
    """Return ``base`` with ``change`` merged into it, mapping by mapping."""
    if not isinstance(base, dict) or not isinstance(change, dict):
        return change
    return base | {key: merged(base.get(key), value) for key, value in change.items()}


def start_playbook(
    name: str, *arguments: str, inventory: Path = INVENTORY, output: IO[bytes] | int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start a playbook as the leader of its own process group, for tests that kill it.

    Its output tells when each task starts on each host; otherwise a task shows only once it has ended somewhere.
    """
    command: Sequence[str] = [str(BIN / "ansible-playbook"), "-i", str(inventory), f"playbooks/{name}.yml", *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | ENVIRONMENT | {"ANSIBLE_SHOW_PER_HOST_START": "true"},
        start_new_session=True,
        stdout=output,
        stderr=subprocess.STDOUT,
    )
