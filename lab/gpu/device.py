"""What a guest with simulated cards must have beside the library: device nodes, and what the kernel would show of them.

Pure functions that give paths with their contents, and two thin writers. How it comes into a guest is not decided here.
Sources of the layouts: the driver's README ("procfs interface") and the MIG User Guide ("Device Nodes and
Capabilities").
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.gpu.build import DRIVER_VERSION
from lab.gpu.cards import Card

MAJOR = 195
"""Registered for NVIDIA's character devices."""
CONTROL_MINOR = 255
MODESET_MINOR = 254
DYNAMIC_MAJORS = range(234, 255)
CONFIG_CAPABILITY = 1
MONITOR_CAPABILITY = 2
FIRST_CAPABILITY = 3
NUMBERED_CARDS = 32
"""So many have their minor numbers listed, whether they are there or not."""
INSTANCES_OF_CARD = 15
COMPUTES_OF_INSTANCE = 8
MIG_MINORS = "/proc/driver/nvidia-caps/mig-minors"
VERSION_LINE = "NVRM version: NVIDIA UNIX x86_64 Kernel Module"
NOTICE = "SIMULATION: no GPU and no kernel module"


@dataclass(frozen=True)
class Node:
    """A character device."""

    path: str
    major: int
    minor: int
    mode: int


def free_majors(devices: str) -> tuple[int, int]:
    """Majors for nvidia-caps and nvidia-uvm that no driver in the text of /proc/devices has.

    Raises RuntimeError if there are none, or if NVIDIA's own is taken: then a real driver is loaded.
    """
    characters = devices.partition("Block devices:")[0]
    taken = {int(number) for number in re.findall(r"^\s*(\d+) ", characters, flags=re.MULTILINE)}
    if MAJOR in taken:
        raise RuntimeError(f"major {MAJOR} is taken in /proc/devices: the simulation cannot run beside a real driver")
    free = [major for major in DYNAMIC_MAJORS if major not in taken]
    if len(free) < 2:
        raise RuntimeError(f"/proc/devices leaves fewer than two of the majors {DYNAMIC_MAJORS.start}-254 free")
    return free[0], free[1]


def instance_capability(card: int, instance: int) -> int:
    """Minor number of the node that gives access to a GPU instance of the card with minor number ``card``."""
    return FIRST_CAPABILITY + (card * INSTANCES_OF_CARD + instance) * (COMPUTES_OF_INSTANCE + 1)


def compute_capability(card: int, instance: int, compute: int) -> int:
    """Minor number of the node that gives access to a compute instance."""
    return instance_capability(card, instance) + 1 + compute


def capabilities(minors: Iterable[int]) -> dict[str, int]:
    """Minor numbers by their names, of every instance that the cards with these ``minors`` could have."""
    found = {"config": CONFIG_CAPABILITY, "monitor": MONITOR_CAPABILITY}
    for card in minors:
        for instance in range(INSTANCES_OF_CARD):
            name = f"gpu{card}/gi{instance}"
            found[f"{name}/access"] = instance_capability(card, instance)
            for compute in range(COMPUTES_OF_INSTANCE):
                found[f"{name}/ci{compute}/access"] = compute_capability(card, instance, compute)
    return found


def _capable(cards: Iterable[Card]) -> list[int]:
    return [card.minor for card in cards if card.capable]


def _mode(name: str) -> int:
    return 0o400 if name == "config" else 0o444


def nodes(cards: Sequence[Card], capability_major: int, memory_major: int) -> list[Node]:
    """Every device node of a host with these cards; the majors are those of nvidia-caps and nvidia-uvm."""
    fixed = [
        Node("/dev/nvidiactl", MAJOR, CONTROL_MINOR, 0o666),
        Node("/dev/nvidia-modeset", MAJOR, MODESET_MINOR, 0o666),
        Node("/dev/nvidia-uvm", memory_major, 0, 0o666),
        Node("/dev/nvidia-uvm-tools", memory_major, 1, 0o666),
    ]
    own = [Node(f"/dev/nvidia{card.minor}", MAJOR, card.minor, 0o666) for card in cards]
    caps = [
        Node(f"/dev/nvidia-caps/nvidia-cap{minor}", capability_major, minor, _mode(name))
        for name, minor in capabilities(_capable(cards)).items()
    ]
    return [*fixed, *own, *caps]


def _information(card: Card) -> str:
    fields = {
        "Model: \t\t": card.model.product,
        "IRQ:   \t\t": 0,
        "GPU UUID: \t": card.uuid,
        "Video BIOS: \t": "??.??.??.??.??",
        "Bus Type: \t": "PCIe",
        "DMA Size: \t": "47 bits",
        "DMA Mask: \t": "0x7fffffffffff",
        "Bus Location: \t": card.address,
        "Device Minor: \t": card.minor,
        "GPU Firmware: \t": DRIVER_VERSION,
        "GPU Excluded:\t": "No",
    }
    return "".join(f"{name} {value}\n" for name, value in fields.items())


def _capability_path(name: str) -> str:
    """``gpu0/gi1/access`` lies below the card's own ``mig``, ``config`` and ``monitor`` below one for all."""
    card, slash, rest = name.partition("/")
    return f"{card}/mig/{rest}" if slash else f"mig/{name}"


def proc_files(cards: Sequence[Card]) -> dict[str, str]:
    """Files below /proc/driver, by path."""
    files = {
        "/proc/driver/nvidia/version": f"{VERSION_LINE}  {DRIVER_VERSION}  ({NOTICE})\n",
        "/proc/driver/nvidia/params": "ModifyDeviceFiles: 0\nDeviceFileUID: 0\nDeviceFileGID: 0\nDeviceFileMode: 438\n",
        MIG_MINORS: "".join(f"{name} {minor}\n" for name, minor in capabilities(range(NUMBERED_CARDS)).items()),
    }
    for card in cards:
        files[f"/proc/driver/nvidia/gpus/{card.address}/information"] = _information(card)
    for name, minor in capabilities(_capable(cards)).items():
        files[f"/proc/driver/nvidia/capabilities/{_capability_path(name)}"] = (
            f"DeviceFileMinor: {minor}\nDeviceFileMode: {_mode(name)}\nDeviceFileModify: 0\n"
        )
    return files


def modules(present: str) -> str:
    """The text of /proc/modules with the driver in it; ``present`` is the machine's own."""
    own = "nvidia_uvm 1540096 0 - Live 0x0 (POE)\nnvidia 56811520 1 nvidia_uvm, Live 0x0 (POE)\n"
    return own + present


def devices(present: str, capability_major: int, memory_major: int) -> str:
    """The text of /proc/devices with the driver in it; ``present`` is the machine's own."""
    own = {MAJOR: "nvidia", capability_major: "nvidia-caps", memory_major: "nvidia-uvm"}
    characters, mark, blocks = present.partition("\nBlock devices:")
    lines = "".join(f"{major:3d} {name}\n" for major, name in sorted(own.items()))
    return f"{characters}{lines}{mark}{blocks}"


def _pci_class(card: Card) -> int:
    """A card with display outputs is a VGA controller, one without a 3D controller."""
    return 0x030000 if card.model.product.startswith("Quadro") else 0x030200


def _configuration(card: Card) -> bytes:
    """The PCI configuration space (PCI Local Bus Specification, 6.1), without capabilities: so the card is no vGPU."""
    space = bytearray(256)
    space[0x00:0x04] = space[0x2C:0x30] = card.model.pci.to_bytes(4, "little")
    space[0x09:0x0C] = _pci_class(card).to_bytes(3, "little")
    return bytes(space)


def pci_files(cards: Sequence[Card]) -> dict[str, str | bytes]:
    """Files below /sys/bus/pci/devices, by path: those by which tools find NVIDIA's cards."""
    files: dict[str, str | bytes] = {}
    for card in cards:
        values = {
            "vendor": f"0x{card.model.pci & 0xFFFF:04x}",
            "device": f"0x{card.model.pci >> 16:04x}",
            "subsystem_vendor": f"0x{card.model.pci & 0xFFFF:04x}",
            "subsystem_device": f"0x{card.model.pci >> 16:04x}",
            "class": f"0x{_pci_class(card):06x}",
            "numa_node": "-1",
            "resource": "0x0000000000000000 0x0000000000000000 0x0000000000000000",
        }
        folder = f"/sys/bus/pci/devices/{card.address}"
        files |= {f"{folder}/{name}": f"{value}\n" for name, value in values.items()}
        files[f"{folder}/config"] = _configuration(card)
    return files


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Lay files out below ``folder`` at their paths."""
    for path, content in files.items():
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())


def make_nodes(folder: Path, wanted: Iterable[Node]) -> None:
    """Make device nodes below ``folder`` at their paths; the file system must allow it (no ``nodev``)."""
    for node in wanted:
        target = folder / node.path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        os.mknod(target, stat.S_IFCHR, os.makedev(node.major, node.minor))
        target.chmod(node.mode)
