"""A card of the lab's own site is cut otherwise while pods hold all of its slices: by mig.yml, and by hand.

Both sides begin with a pod on each slice, and end when the node offers the new ones and takes pods again. Between the
measurements the card is brought back untimed.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from lab import settings
from lab.bench.bare.cards import relayout
from lab.bench.figures import OURS, SIDES
from lab.bench.guests import BenchError, Host, Shell
from lab.bench.ours import BIN
from plugins.module_utils.gpu.layout import Declared
from plugins.module_utils.gpu.mig_parted import configuration

INVENTORY = settings.REPOSITORY / "inventories" / "lab"
CONTROL, HOST = "control-1", "gpu-a100-1"
SLICES = 7
BEFORE, AFTER = "all-1g.5gb", [{"cards": [0], "slices": ["3g.20gb", "2g.10gb", "1g.5gb", "1g.5gb"]}]
KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
LABEL = "bench=relayout"
SAVES = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: None); signal.pause(); time.sleep(5)"
"""The program of a pod that takes five seconds to save its work when it is asked to end."""

Values = dict[str, float]


class Relayout:
    """The site's control plane and the host with one card."""

    def __init__(self, folder: Path, logs: Path, image: str) -> None:
        addresses = site_addresses()
        missing = [name for name in (CONTROL, HOST) if name not in addresses]
        if missing:
            raise BenchError(f"the lab's site has no {' and no '.join(missing)}. Remedy: make lab")
        self._control, self._host = (Host(name, addresses[name]) for name in (CONTROL, HOST))
        self._shell = Shell(folder, settings.SITE_STATE / "id_ed25519")
        self._logs = logs
        self._image = image
        self._runs = 0

    def one_round(self, number: int) -> dict[str, Values]:
        """Measure both sides, the first one alternating; {side: {"relayout": seconds}}."""
        found: dict[str, Values] = {}
        ends: list[dict[str, Any]] = []
        try:
            for side in SIDES if number % 2 else SIDES[::-1]:
                self._playbook(BEFORE)
                self._fill()
                started = time.monotonic()
                if side == OURS:
                    self._playbook(AFTER)
                else:
                    wanted = configuration(Declared(HOST, "A100-40GB", 1, AFTER))
                    relayout(self._shell, self._control, self._host, wanted)
                found[side] = {"relayout": time.monotonic() - started}
                ends.append(self._end())
        finally:
            self._shell.run(self._control, f"{KUBECTL} delete pods --selector {LABEL} --ignore-not-found")
            self._playbook(BEFORE)
        if ends[0] != ends[1]:
            raise BenchError(f"the sides cut the card differently: {ends[0]} and {ends[1]}")
        return found

    def close(self) -> None:
        """End the connections."""
        self._shell.close()

    def _playbook(self, layout: Any) -> None:
        self._runs += 1
        log = self._logs / f"relayout-{self._runs:02d}.log"
        words = [str(BIN / "ansible-playbook"), "-i", str(INVENTORY), "playbooks/mig.yml"]
        words += ["--limit", f"{CONTROL},{HOST}", "--extra-vars", json.dumps({"gpu_layout": layout})]
        done = ansible(words)
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
        if done.returncode:
            raise BenchError(f"mig.yml ended with status {done.returncode}, see {log}:\n{done.stdout[-3000:]}")

    def _fill(self) -> None:
        """Have a running pod on each slice."""
        names = [f"bench-relayout-{number}" for number in range(SLICES)]
        pods = yaml.safe_dump_all(pod(name, self._image) for name in names)
        listed = " ".join(f"pod/{name}" for name in names)
        script = (
            f"{KUBECTL} delete pods --selector {LABEL} --ignore-not-found\n{KUBECTL} apply -f - <<'END'\n{pods}END\n"
        )
        self._shell.run(self._control, f"{script}{KUBECTL} wait {listed} --for=condition=Ready --timeout=120s")

    def _end(self) -> dict[str, Any]:
        """What the card and its node are afterwards."""
        node = json.loads(self._shell.run(self._control, f"{KUBECTL} get node {HOST} -o json"))
        listed = self._shell.run(self._host, "nvidia-smi -L").splitlines()
        return {
            "slices": sorted(line.split()[1] for line in listed if line.strip().startswith("MIG")),
            "schedulable": not node["spec"].get("unschedulable", False),
            "offered": {name: n for name, n in node["status"]["allocatable"].items() if "nvidia" in name and n != "0"},
        }


def pod(name: str, image: str) -> dict[str, Any]:
    """Return a pod that holds a slice."""
    container = {
        "name": "main",
        "image": image,
        "command": ["python3", "-c", SAVES],
        "resources": {"limits": {"nvidia.com/mig-1g.5gb": 1}},
    }
    spec = {
        "containers": [container],
        "nodeSelector": {"kubernetes.io/hostname": HOST},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    }
    label, value = LABEL.split("=")
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {label: value}}, "spec": spec}


def site_addresses() -> Mapping[str, str]:
    """Return the addresses of the lab's machines by name; none where there is no lab."""
    done = ansible([str(BIN / "ansible-inventory"), "-i", str(INVENTORY), "--list"])
    variables = json.loads(done.stdout)["_meta"]["hostvars"] if done.returncode == 0 else {}
    return {name: found["ansible_host"] for name, found in variables.items() if "ansible_host" in found}


def ansible(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a program of Ansible with the repository's configuration."""
    environment = os.environ | {"ANSIBLE_CONFIG": str(settings.REPOSITORY / "ansible.cfg")}
    return subprocess.run(
        words, cwd=settings.REPOSITORY, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
