"""The artifact mirror that both sides use: the raised lab's, or else one served for the time of the benchmark."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import yaml

from lab import fabric, settings
from lab.bench.guests import BenchError
from lab.machine import byhand
from lab.mirror.serve import answers


@dataclass(frozen=True)
class Mirrors:
    """Where files and images are to be had."""

    address: str

    @property
    def files(self) -> str:
        """Base of all files' addresses."""
        return f"http://{self.address}:{settings.ARTIFACT_PORT}"

    @property
    def registry(self) -> str:
        """Base of all registries."""
        return f"http://{self.address}:{settings.REGISTRY_PORT}"

    def file(self, upstream: str) -> str:
        """Where the file of an upstream address is."""
        return f"{self.files}/{upstream.partition('://')[2]}"

    def answer(self) -> bool:
        """Whether both servers serve now."""
        return answers(f"{self.files}/")() and answers(f"{self.registry}/v2/")()


@contextmanager
def served() -> Iterator[Mirrors]:
    """The lab's mirrors if they answer; otherwise mirrors on the guests' own bridge, ended afterwards."""
    for address in (settings.FABRIC_ADDRESS, byhand.GATEWAY):
        if Mirrors(address).answer():
            yield Mirrors(address)
            return
    byhand.ensure_fabric()
    mirrors = Mirrors(byhand.GATEWAY)
    command = [*fabric.INSIDE, sys.executable, "-m", "lab.mirror", "serve-here", "--address", mirrors.address]
    environment = {**os.environ, settings.PROCESS_MARK: "1"}
    # In a process group of its own: Ctrl-C must not end it before the guests are removed.
    server = subprocess.Popen(
        command, cwd=settings.REPOSITORY, env=environment, stdout=sys.stderr, start_new_session=True
    )
    try:
        _wait(mirrors, server)
        yield mirrors
    finally:
        server.terminate()
        server.wait(30)


def _wait(mirrors: Mirrors, server: subprocess.Popen[bytes], deadline: float = 60) -> None:
    end = time.monotonic() + deadline
    while not mirrors.answer():
        if server.poll() is not None or time.monotonic() > end:
            raise BenchError(f"no artifact mirror could be served on {mirrors.address}; raise the lab first: make lab")
        time.sleep(0.2)


def need(addresses: Collection[str]) -> None:
    """Stop when the mirror lacks one of these upstream addresses."""
    path = settings.MIRROR_DIGESTS
    there = yaml.safe_load(path.read_text(encoding="utf-8"))["digests"] if path.exists() else {}
    lacking = sorted(set(addresses) - set(there))
    if lacking:
        raise BenchError(f"not in the artifact mirror yet: {', '.join(lacking)}; build it first: make lab")
