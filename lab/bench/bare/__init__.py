"""The reference: Kubernetes by hand, with kubeadm over SSH and nothing else.

This is what a practised person types, as fast as it goes: every host prepares itself at the same time, the workers join
at the same time as soon as ``kubeadm init`` has ended, flannel is applied while they join. Versions, containerd,
kubelet and kube-proxy settings are those of the lab's inventory, so that both sides end in the same state.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.bench import images, state
from lab.bench.guests import CONTROL, BenchError, Host, Shell
from lab.bench.mirrors import Mirrors

FOLDER = Path(__file__).parent
BINARIES = ("kubeadm", "kubelet", "kubectl")
JOIN = re.compile(r"kubeadm join \S+ --token \S+\s+(?:\\\s+)?--discovery-token-ca-cert-hash sha256:[0-9a-f]{64}")


class Bare:
    """Grows a cluster by hand."""

    name = "reference"

    def __init__(self, folder: Path, mirrors: Mirrors, kubernetes: str) -> None:
        artifacts = images.locked()
        self._mirrors = mirrors
        self._kubernetes = kubernetes
        self._files = images.addresses(artifacts, kubernetes, "file")
        self._images = images.addresses(artifacts, kubernetes, "image")
        self._shell = Shell(folder)

    def cluster(self, hosts: Sequence[Host]) -> None:
        """From booted guests to the wanted state."""
        with ThreadPoolExecutor(len(hosts) + 1) as pool:
            prepared = [pool.submit(self._prepare, host) for host in hosts]
            prepared[hosts.index(CONTROL)].result()
            join = join_command(self._shell.run(CONTROL, self._init_script()))
            applied = pool.submit(self._shell.run, CONTROL, self._flannel_script())
            for ready in prepared:
                ready.result()
            joined = [pool.submit(self._join, host, join) for host in hosts if host != CONTROL]
            applied.result()
            for done in joined:
                done.result()
        state.wait(self._shell, CONTROL, hosts)

    def add(self, hosts: Sequence[Host], new: Sequence[Host]) -> None:
        """Join booted guests to a cluster; ``hosts`` are all hosts afterwards."""
        with state.watched(self._shell, CONTROL, hosts, new), ThreadPoolExecutor(len(new) + 1) as pool:
            command = pool.submit(self._shell.run, CONTROL, "kubeadm token create --print-join-command")
            prepared = [pool.submit(self._prepare, host) for host in new]
            join = join_command(command.result())
            for ready in prepared:
                ready.result()
            for joined in [pool.submit(self._join, host, join) for host in new]:
                joined.result()

    def close(self) -> None:
        """End the connections."""
        self._shell.close()

    def _prepare(self, host: Host) -> None:
        self._shell.run(host, self.prepare_script())

    def _join(self, host: Host, join: str) -> None:
        self._shell.run(host, self._join_script(host, join))

    def prepare_script(self) -> str:
        """What every host needs before kubeadm: binaries, containerd, kubelet's unit."""
        downloads = {name: self._mirrors.file(self._files[name]) for name in (*BINARIES, "containernetworking-plugins")}
        return fill(
            "prepare.sh",
            BINARIES=" ".join(downloads[name] for name in BINARIES),
            PLUGINS=downloads["containernetworking-plugins"],
            PAUSE=self._images["pause"],
            REGISTRIES=images.write_registry_files(
                self._mirrors.registry, list(self._images.values()), "/etc/containerd/certs.d"
            ),
        )

    def _init_script(self) -> str:
        return fill("init.sh", VERSION=self._kubernetes, CONTROL_ADDRESS=CONTROL.address, NAME=CONTROL.name)

    def _flannel_script(self) -> str:
        manifest = fill("flannel.yml", FLANNEL_IMAGE=self._images["flannel"], CONTROL_ADDRESS=CONTROL.address)
        apply = f"cat >/tmp/flannel.yml <<'END'\n{manifest}END\n{state.KUBECTL} apply --filename /tmp/flannel.yml\n"
        return apply + fill("network.sh")

    def _join_script(self, host: Host, join: str) -> str:
        return fill("join.sh", JOIN=join, NAME=host.name, ADDRESS=host.address) + fill("network.sh")


def join_command(text: str) -> str:
    """The command that ``kubeadm init`` or ``kubeadm token create`` printed, in one line."""
    found = JOIN.search(text)
    if not found:
        raise BenchError(f"kubeadm printed no join command: {text[-500:]}")
    return " ".join(found.group().replace("\\", " ").split())


def fill(name: str, **replaced: str) -> str:
    """One of the files beside this one, its ``@WORD@`` replaced."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    for word, value in replaced.items():
        text = text.replace(f"@{word}@", value)
    left = re.search(r"@[A-Z_]+@", text)
    if left:
        raise BenchError(f"{name} still has {left.group()}")
    return text
