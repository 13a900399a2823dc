"""A guest: a systemd container that boots, stops and is plugged like a virtual machine.

The network interfaces and volumes are put in place between ``podman init`` (the namespaces exist) and ``podman start``
(/sbin/init runs), so that a guest finds its hardware when it boots. Everything needed to start it again is kept in
``STATE/guests/<uuid>``, which is removed with the guest.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab import settings
from lab.gpu import cards as gpu_cards
from lab.gpu import guest as gpu_driver
from lab.machine import podman, processes, volumes

GUESTS = settings.STATE / "guests"
DATA_FOLDERS = ("containerd", "kubelet", "etcd")
"""Folders of /var/lib that need a real filesystem below them: overlayfs does not stack on overlayfs."""


@dataclass(frozen=True)
class Nic:
    """A virtual cable: a port of a bridge in the fabric at one end, the guest's interface at the other."""

    bridge: str
    tap: str
    mac: str
    name: str = "eth0"
    mtu: int = settings.TENANT_MTU
    port: str = ""


@dataclass(frozen=True)
class Guest:
    """One machine. ``owner`` is the compute service that made it, empty for a guest made by hand.

    ``gpus`` are the models of its simulated cards.
    """

    uuid: str
    name: str
    image: str
    nics: tuple[Nic, ...] = ()
    volumes: tuple[volumes.Attachment, ...] = ()
    gpus: tuple[str, ...] = ()
    owner: str = ""
    suffix: str = ""

    @property
    def container(self) -> str:
        """The name of its container; a suffix tells servers of one name apart."""
        return f"lab-{self.name}{self.suffix}"

    @property
    def folder(self) -> Path:
        """Where its seed, data and description are."""
        return GUESTS / self.uuid

    @property
    def driver(self) -> Path:
        """Where the simulated driver of its cards is."""
        return self.folder / "driver"

    @property
    def cards(self) -> list[gpu_cards.Card]:
        """Its simulated cards; those of a GPU server keep their UUIDs whichever guest has them."""
        return gpu_cards.cards(f"{self.owner}/{self.gpus[0]}", self.gpus, passthrough=True) if self.gpus else []


def save(guest: Guest) -> None:
    """Write the description of the guest, whole or not at all."""
    guest.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = guest.folder / ".guest.json"
    draft.write_text(json.dumps(dataclasses.asdict(guest), indent=1), encoding="utf-8")
    draft.rename(guest.folder / "guest.json")


def load(uuid: str) -> Guest | None:
    """Read the description of a guest, None when there is none."""
    try:
        found = json.loads((GUESTS / uuid / "guest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    found["nics"] = tuple(Nic(**nic) for nic in found["nics"])
    found["volumes"] = tuple(volumes.Attachment(**volume) for volume in found["volumes"])
    found["gpus"] = tuple(found.get("gpus", ()))  # guests of earlier releases have none
    return Guest(**found)


def known(owner: str | None = None) -> Iterator[Guest]:
    """Every guest that has a description, running or not; of one owner if one is named."""
    for file in sorted(GUESTS.glob("*/guest.json")):
        guest = load(file.parent.name)
        if guest is not None and owner in (None, guest.owner):
            yield guest


def create(guest: Guest) -> None:
    """Create the container; its seed must lie in ``guest.folder / "seed"``."""
    save(guest)
    mounts = [f"--volume={guest.folder / 'seed'}:/var/lib/cloud/seed/nocloud:ro"]
    for name in DATA_FOLDERS:
        folder = guest.folder / "data" / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        mounts.append(f"--volume={folder}:/var/lib/{name}")
    if guest.cards:
        gpu_driver.prepare(guest.driver, guest.cards)
        mounts += gpu_driver.volumes(guest.driver)
    podman.podman(
        "create",
        f"--name={guest.container}",
        f"--label={podman.OWN_LABEL}",
        f"--label={settings.LABEL}.uuid={guest.uuid}",
        f"--label={settings.LABEL}.owner={guest.owner}",
        "--systemd=always",
        "--privileged",
        "--cgroupns=private",
        "--network=none",
        "--no-hosts",
        "--tty",
        "--pids-limit=-1",
        "--stop-timeout=30",
        # When memory ends, a guest shall lose a process, not the cloud.
        "--oom-score-adj=100",
        f"--hostname={guest.name}",
        *mounts,
        guest.image,
        "/usr/local/sbin/lab-init",
    )


def start(guest: Guest, before_boot: Callable[[Guest, int], None] = lambda _guest, _process: None) -> int:
    """Boot a guest that does not run and return its process id; ``before_boot`` may arm its network namespace.

    Works from any state: after an orderly stop, after its processes were killed, and when podman has lost its container
    (then the root filesystem starts anew from the image, the data folders and volumes stay).
    """
    if not podman.settle(guest.container):
        create(guest)
    save(guest)
    podman.podman("init", guest.container)
    process = podman.process_id(guest.container)
    if process is None:
        raise podman.PodmanError(f"{guest.container} has no process after podman init")
    # A privileged container is given a node for every disk of the host.
    podman.run_in_namespace(process, "mount", ["find", "/dev", "-maxdepth", "1", "-type", "b", "-delete"])
    for nic in guest.nics:
        plug(nic, process)
    for volume in guest.volumes:
        volumes.add_to_guest(volume, process)
    if guest.cards:
        gpu_driver.insert(guest.cards, process)
    before_boot(guest, process)
    podman.podman("start", guest.container)
    (guest.folder / "process").write_text(f"{process} {processes.birth(process)}", encoding="utf-8")
    return process


def stop(guest: Guest, seconds: int) -> None:
    """Shut the guest down in order, and by force after so many seconds. Its container stays."""
    if running_process(guest) is not None:
        podman.podman("stop", f"--time={seconds}", guest.container, timeout=seconds + 60)
    podman.settle(guest.container)
    unplug(guest)


def remove(guest: Guest) -> None:
    """Remove the guest with all it had, whatever is left of it."""
    podman.remove(guest.container)
    unplug(guest)
    for volume in guest.volumes:
        volumes.release(volume.file)
    shutil.rmtree(guest.folder, ignore_errors=True)
    if guest.folder.exists():
        raise RuntimeError(f"{guest.folder} could not be removed: is something still mounted in it?")


def attach(guest: Guest, volume: volumes.Attachment) -> None:
    """Give the guest a volume, which appears at once when it runs."""
    save(dataclasses.replace(guest, volumes=(*_other_volumes(guest, volume), volume)))
    volumes.hold(volume.file)
    process = running_process(guest)
    if process is not None:
        volumes.add_to_guest(volume, process)


def detach(guest: Guest, volume: volumes.Attachment) -> None:
    """Take a volume from the guest; its loop device is still held."""
    save(dataclasses.replace(guest, volumes=_other_volumes(guest, volume)))
    process = running_process(guest)
    if process is not None:
        volumes.take_from_guest(volume, process)


def running_process(guest: Guest) -> int | None:
    """The id of the guest's first process, None when it does not run; asks the kernel, not podman."""
    try:
        words = (guest.folder / "process").read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return None
    process, birth = int(words[0]), int(words[1])
    return process if processes.birth(process) == birth else None


def is_running(guest: Guest) -> bool:
    """Tell whether the guest runs."""
    return running_process(guest) is not None


def is_plugged(guest: Guest) -> bool:
    """Tell whether all its cables are there; they go when the fabric was made anew under a running guest."""
    return all(_fabric("link", "show", "dev", nic.tap, check=False) for nic in guest.nics)


def ensure_bridge(name: str, mtu: int = settings.TENANT_MTU) -> None:
    """Make sure that the fabric has this bridge."""
    if not _fabric("link", "show", "dev", name, check=False):
        _fabric("link", "add", name, "mtu", str(mtu), "type", "bridge", "forward_delay", "0", check=False)
    _fabric("link", "set", name, "up")


def plug(nic: Nic, process: int) -> None:
    """Lay the cable between the bridge and the network namespace of the process."""
    ensure_bridge(nic.bridge, nic.mtu)
    _fabric("link", "delete", nic.tap, check=False)
    mtu = ["mtu", str(nic.mtu)]
    peer = ["peer", "name", nic.name, "address", nic.mac, *mtu, "netns", str(process)]
    _fabric("link", "add", nic.tap, *mtu, "type", "veth", *peer)
    _fabric("link", "set", nic.tap, "master", nic.bridge, "up")


def unplug(guest: Guest) -> None:
    """Take the guest's cables out; they go by themselves when its network namespace ends, only later."""
    for nic in guest.nics:
        _fabric("link", "delete", nic.tap, check=False)


def _other_volumes(guest: Guest, volume: volumes.Attachment) -> tuple[volumes.Attachment, ...]:
    return tuple(other for other in guest.volumes if other.volume != volume.volume)


def _fabric(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(
        ["ip", "-netns", settings.NETNS, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    if check and done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout if done.returncode == 0 else ""
