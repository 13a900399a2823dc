"""A guest with simulated cards: a mount namespace with their device nodes and what the kernel would show of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from lab.gpu import build, device
from lab.gpu.cards import Card, cards, description

MOUNTS = """
mount -t tmpfs -o mode=755 tmpfs /dev && cp -a "$1/dev/." /dev/
mount -t tmpfs -o mode=755 tmpfs /proc/driver && cp -a "$1/proc/driver/." /proc/driver/
mount -t tmpfs -o mode=755 tmpfs /sys/bus/pci/devices && cp -a "$1/sys/bus/pci/devices/." /sys/bus/pci/devices/
"""
"""Of a guest and of a pod in it."""
WAIT = "echo ready; read -r _\n"
COMMON = (device.Node("/dev/null", 1, 3, 0o666),)
NOBODY = (
    "setpriv", "--reuid=65534", "--clear-groups",
    "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--",
)  # fmt: skip
"""Runs a command as a user who may read what lies in the tests' folders, and no more."""
FREE_MAJORS = device.free_majors(Path("/proc/devices").read_text(encoding="utf-8"))


class View:
    """A place in which processes run: the guest itself, or a pod with some of its nodes."""

    def __init__(self, guest: Guest, folder: Path, nodes: Iterable[device.Node], script: str) -> None:
        self.guest = guest
        device.make_nodes(folder, [*COMMON, *nodes])
        device.write_files(folder, device.proc_files(guest.cards) | device.pci_files(guest.cards))
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", script + WAIT, "sh", str(folder)]
        self.holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout
        assert self.holder.stdout.readline() == "ready\n"
        self.clients: list[subprocess.Popen[str]] = []

    def command(self, *words: str | Path) -> list[str]:
        return ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--", *map(str, words)]

    def run(self, *words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words), env=self.guest.environment | environment, capture_output=True, text=True, check=False
        )

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run nvidia-smi."""
        return self.run(self.guest.program, *arguments)

    def smi(self, *arguments: str) -> str:
        """What nvidia-smi says, which must succeed."""
        done = self.attempt(*arguments)
        assert done.returncode == 0, f"nvidia-smi {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def mig(self, *arguments: str) -> str:
        return self.smi("mig", *arguments)

    def query(self, *fields: str, card: int = 0) -> list[str]:
        said = self.smi("-i", str(card), f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits")
        return said.strip().split(", ")

    def hold(self, *uuids: str) -> tuple[subprocess.Popen[str], list[str]]:
        """A client of the cards, and the UUIDs that it holds."""
        client = subprocess.Popen(
            self.command(self.guest.driver / build.HOLD, *uuids),
            env=self.guest.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert client.stdout
        self.clients.append(client)
        held: list[str] = []
        for line in iter(client.stdout.readline, "holding\n"):
            assert line.startswith(("GPU-", "MIG-")), line
            held.append(line.strip())
        return client, held

    def close(self) -> None:
        for client in self.clients:
            client.kill()
            client.wait()
        self.holder.communicate("\n")


class Guest(View):
    """A host with cards; its state outlives a reboot."""

    def __init__(
        self, folder: Path, driver: Path, program: Path, models: Sequence[str], passthrough: bool = False
    ) -> None:
        self.folder, self.driver, self.program = folder, driver, program
        self.cards: list[Card] = cards("guest", models, passthrough)
        self.nodes = device.nodes(self.cards, *FREE_MAJORS)
        self.state = folder / "state"
        self.boots = 0
        self.pods: list[View] = []
        folder.mkdir(exist_ok=True)
        self.state.mkdir(exist_ok=True)
        (self.state / build.state_file("cards")).write_text(description(self.cards), encoding="utf-8")
        self.environment = {
            **os.environ,
            "LD_LIBRARY_PATH": str(driver),
            "GPU_SIMULATION_STATE": str(self.state),
        }
        self.boot()

    def boot(self) -> None:
        self.boots += 1
        root = self.folder / f"boot-{self.boots}"
        root.mkdir()
        super().__init__(self, root, self.nodes, MOUNTS)
        done = self.run(self.driver / build.BOOT)
        assert done.returncode == 0, done.stderr

    def reboot(self) -> None:
        super().close()
        self.boot()

    def pod(self, *paths: str) -> View:
        """A view with nvidiactl and the nodes of these paths only."""
        wanted = {"/dev/nvidiactl", *paths}
        nodes = [node for node in self.nodes if node.path in wanted]
        assert {node.path for node in nodes} == wanted
        self.pods.append(View(self, self.folder / f"pod-{len(self.pods)}", nodes, MOUNTS))
        return self.pods[-1]

    def fault(self, *lines: str) -> None:
        (self.state / build.state_file("faults")).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def close(self) -> None:
        for pod in self.pods:
            pod.close()
        super().close()
