"""The lab's GPU hosts as the tests see them: cards, what nodes offer, and pods that hold devices."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lab.gpu import build
from lab.gpu.guest import DRIVER
from tests.platform.network import IMAGE
from tests.platform.site import Lab
from tests.support import eventually

PREFIX = "nvidia.com/"
SLICE = "nvidia.com/mig-1g.5gb"
WHOLE = "nvidia.com/gpu"
UUID = r"(?:GPU|MIG)-[0-9a-f-]{36}"
WATCH = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    print(subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True).stdout.count("UUID: MIG-"), flush=True)
    time.sleep(0.5)
"""
"""A program in a pod that says twice a second how many slices it sees."""


HOSTS = ("gpu-a100-1", "gpu-a100-2", "gpu-a30-1", "gpu-rtx5000-1", "gpu-t4-1")


def offered(lab: Lab) -> dict[str, dict[str, int]]:
    """Return what each GPU node has to give of NVIDIA's resources."""
    found = {}
    for node in lab.objects("nodes", "--selector", "nvidia.com/gpu.present=true"):
        numbers = {name: int(number) for name, number in node["status"]["allocatable"].items() if PREFIX in name}
        found[node["metadata"]["name"]] = {name: number for name, number in numbers.items() if number}
    return found


def listed(lab: Lab) -> dict[str, str]:
    """Return what nvidia-smi lists on each GPU host."""
    variables = lab.hostvars()
    return {host: lab.connection(variables[host]).check_output("nvidia-smi -L") for host in HOSTS}


def leaves(listing: str) -> list[str]:
    """Return the UUIDs that pods can hold, of ``nvidia-smi -L``: slices, and cards that are followed by none."""
    found = re.findall(UUID, listing)
    return [
        uuid
        for uuid, following in zip(found, [*found[1:], "GPU-"], strict=True)
        if uuid.startswith("MIG-") or following.startswith("GPU-")
    ]


def pod(
    name: str,
    resource: str = SLICE,
    command: Sequence[str] = ("sleep", "infinity"),
    environment: dict[str, str] | None = None,
    host: str = "",
) -> dict[str, Any]:
    """Return a pod that holds one device, of any host unless one is named."""
    container = {
        "name": "main",
        "image": IMAGE,
        "command": list(command),
        "env": [{"name": key, "value": value} for key, value in (environment or {}).items()],
        "resources": {"limits": {resource: 1}},
    }
    spec = {
        "containers": [container],
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "terminationGracePeriodSeconds": 1,
        "nodeSelector": {"kubernetes.io/hostname": host} if host else {},
    }
    labels = {"app": name}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}


@contextmanager
def running(lab: Lab, pods: Sequence[dict[str, Any]]) -> Iterator[list[str]]:
    """Run pods until they are ready, and delete those that are left at the end."""
    names = [item["metadata"]["name"] for item in pods]
    lab.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))
    try:
        lab.kubectl("wait", "--for=condition=Ready", "--timeout=180s", *(f"pod/{name}" for name in names))
        yield names
    finally:
        lab.kubectl("delete", "pods", "--ignore-not-found", "--wait=true", *names)


def listings(lab: Lab, names: Sequence[str]) -> dict[str, str]:
    """Return what the real nvidia-smi lists in each pod."""
    loop = f'for pod in {" ".join(names)}; do echo "pod/$pod"; kubectl exec "$pod" -- nvidia-smi -L; done'
    said = lab.ssh("control-1").check_output(f"set -e; export KUBECONFIG=/etc/kubernetes/admin.conf; {loop}")
    parts = said.split("pod/")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}


@contextmanager
def fault(lab: Lab, host: str, line: str) -> Iterator[None]:
    """Play a fault of the simulated cards for a while."""
    path = f"{DRIVER}/{build.state_file('faults')}"
    lab.ssh(host).check_output(f"echo '{line}' >{path}")
    try:
        yield
    finally:
        machine = lab.ssh(host)
        eventually(lambda: said(machine, f"rm -f {path} && echo gone") == "gone", 60, f"{host} answers")


BOOTED = "stat --format=%Y /proc/1"


def reboot(host: Any) -> None:
    """Reboot a host and wait until it answers again."""
    before = host.check_output(BOOTED)
    said(host, "systemctl reboot")
    eventually(lambda: said(host, BOOTED) not in ("", before), 60, "the host boots")


def said(host: Any, command: str) -> str:
    """Return what a command says, nothing while the host does not answer."""
    try:
        return str(host.run(command).stdout.strip())
    except RuntimeError:  # of testinfra, where ssh fails
        return ""
