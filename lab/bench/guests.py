"""The benchmark's guests: booted fresh, with their images already in containerd, reached by SSH, removed by name."""

from __future__ import annotations

import contextlib
import resource
import shutil
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab import settings
from lab.machine import byhand, guest, podman

PREFIX = "bench-"
NETWORK = "10.64.9."
USER = "debian"
IMAGES = settings.STATE / "bench-images"
"""containerd's folder with every image in it, made once a run and linked into each guest before it boots."""


class BenchError(RuntimeError):
    """Something that the benchmark needs is missing or failed; the text says what and what to do."""


@dataclass(frozen=True)
class Host:
    """A guest by name and address."""

    name: str
    address: str


CONTROL = Host(f"{PREFIX}control-1", f"{NETWORK}200")
TEMPLATE = Host(f"{PREFIX}template", f"{NETWORK}250")


def worker(number: int) -> Host:
    """The guest that is worker ``number``, counted from 1."""
    return Host(f"{PREFIX}worker-{number}", f"{NETWORK}{200 + number}")


def fleet(size: int) -> list[Host]:
    """One control plane and the workers that make up ``size`` hosts."""
    return [CONTROL, *(worker(number) for number in range(1, size))]


def boot(host: Host, images: Path | None = IMAGES) -> float:
    """Boot a guest, with a copy of ``images`` in its containerd, and return after how many seconds it was booted."""
    if images:
        link_images(images, guest.GUESTS / f"byhand-{host.name}" / "data" / "containerd")
    started = time.monotonic()
    byhand.run(host.name, host.address)
    _first_login(host)
    return time.monotonic() - started


def boot_all(hosts: Sequence[Host]) -> None:
    """Boot guests side by side."""
    with ThreadPoolExecutor(len(hosts)) as pool:
        list(pool.map(boot, hosts))


def _first_login(host: Host, deadline: float = 180) -> None:
    """Wait for the end of the first boot: cloud-init restarts the SSH server once it has begun to answer."""
    login = byhand.ssh_command(host.address).split()
    # Status 2 is "done, with remarks".
    ended = "cloud-init status --wait >/dev/null || [ $? -eq 2 ]"
    command = [*login[:1], "-oBatchMode=yes", "-oConnectTimeout=5", *login[1:], ended]
    end = time.monotonic() + deadline
    while subprocess.run(command, capture_output=True, timeout=deadline, check=False).returncode:
        if time.monotonic() > end:
            raise BenchError(f"{host.name} did not end its first boot within {deadline:.0f} s")
        time.sleep(0.1)


def link_images(source: Path, target: Path) -> None:
    """Copy containerd's folder: image content, which nothing writes to, as hard links, its databases as files."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    subprocess.run(["cp", "--archive", "--link", str(source), str(target)], check=True)
    for database in target.glob("io.containerd.*/*.db"):
        copy = database.with_suffix(".copy")
        shutil.copy2(database, copy)
        copy.replace(database)


def processor_seconds(hosts: Sequence[Host]) -> float:
    """Processor time that these guests, and the programs that the benchmark has started, have used so far.

    Unlike the clock, it says much on a busy machine too. Guests that are not there count nothing.
    """
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + sum(_guest_seconds(host) for host in hosts)


def _guest_seconds(host: Host) -> float:
    process = podman.process_id(f"lab-{host.name}")
    groups = Path(f"/proc/{process}/cgroup").read_text(encoding="ascii").splitlines() if process else []
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if "cpuacct" in controllers.split(","):
            return int(Path(f"/sys/fs/cgroup/cpuacct{path}/cpuacct.usage").read_text(encoding="ascii")) / 1e9
        if not controllers and (statistics := Path(f"/sys/fs/cgroup{path}/cpu.stat")).exists():
            return int(statistics.read_text(encoding="ascii").split()[1]) / 1e6
    return 0.0


def keep_images(host: Host) -> None:
    """Shut a guest down and keep its containerd folder as the one that ``boot`` links."""
    found = guest.load(f"byhand-{host.name}")
    if found is None:
        raise BenchError(f"{host.name} is not there")
    guest.stop(found, seconds=20)
    (found.folder / "data" / "containerd").rename(IMAGES)
    guest.remove(found)


def remove_all() -> None:
    """Remove every guest of the benchmark, also of a run that was killed."""
    for found in list(guest.known()):
        if found.uuid.startswith(f"byhand-{PREFIX}"):
            guest.remove(found)


def forget_images() -> None:
    """Remove the folder of images."""
    if IMAGES.exists():
        shutil.rmtree(IMAGES)


class Shell:
    """Root shells in guests over SSH, one connection a host, with host keys pinned in ``folder``."""

    def __init__(self, folder: Path, key: Path = byhand.KEY) -> None:
        self._sockets = folder / "ssh"
        self._sockets.mkdir(parents=True)
        self._options = [
            f"-i{key}",
            "-oBatchMode=yes",
            "-oConnectTimeout=10",
            "-oStrictHostKeyChecking=accept-new",
            f"-oUserKnownHostsFile={folder / 'known_hosts'}",
            "-oLogLevel=ERROR",
            "-oControlMaster=auto",
            "-oControlPersist=30m",
            f"-oControlPath={self._sockets}/%h",
        ]

    def run(self, host: Host, script: str, deadline: float = 300) -> str:
        """Run a bash script as root and return what it printed; its failure is an error with its last words."""
        command = ["ssh", *self._options, f"{USER}@{host.address}", "sudo", "-n", "bash", "-euo", "pipefail", "-s"]
        try:
            done = subprocess.run(
                command, input=script, capture_output=True, text=True, timeout=deadline, check=False, errors="replace"
            )
        except subprocess.TimeoutExpired as late:
            raise BenchError(f"{host.name}: no end after {deadline:.0f} s of: {script.strip()[:200]}") from late
        if done.returncode:
            said = f"{done.stdout[-1500:]}\n{done.stderr[-1500:]}".strip()
            raise BenchError(f"{host.name}: a script ended with status {done.returncode}:\n{said}")
        return done.stdout

    def close(self) -> None:
        """End the connections."""
        close_connections(self._sockets)


def close_connections(sockets: Path) -> None:
    """End the SSH connections whose control sockets lie in a folder."""
    for socket in sockets.glob("*") if sockets.is_dir() else []:
        with contextlib.suppress(subprocess.TimeoutExpired):
            command = ["ssh", f"-oControlPath={socket}", "-Oexit", "any"]
            subprocess.run(command, capture_output=True, timeout=10, check=False)
