"""The script of the lab's images by which NVIDIA's programs find the simulated driver."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lab import settings
from tests.unit.gpu.guest import Guest, View

Start = Callable[..., Guest]
SCRIPT = settings.REPOSITORY / "lab" / "gpu" / "image" / "with-simulated-kernel"
CONTAINER = """
mount -t tmpfs tmpfs "$1" && cd "$1" && mkdir proc sys driver-root
for folder in bin lib lib64 usr; do mkdir $folder && mount --rbind /$folder $folder; done
mount -t proc proc proc && mount -t sysfs sysfs sys && mount --rbind / driver-root
cp "$2" script && shift 2 && exec chroot . ./script "$@"
"""
"""A container of the guest as the device plugin's: with the guest's root in it, and what the kernel itself shows."""
CARD = "/sys/bus/pci/devices/0000:07:00.0/device"
VERSION = "/proc/driver/nvidia/version"


def read(guest: View, folder: Path, *paths: str) -> str:
    folder.mkdir()
    command = ("unshare", "--mount", "--propagation", "private", "sh", "-euc", CONTAINER, "sh", folder, SCRIPT)
    done = guest.run(*command, "cat", *paths)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_container_is_shown_the_driver_and_the_cards_of_its_host(start: Start, tmp_path: Path) -> None:
    said = read(start("T4"), tmp_path / "container", VERSION, CARD)
    assert "SIMULATION" in said
    assert said.endswith("0x1eb8\n")


def test_without_a_simulated_driver_nothing_is_mounted(start: Start, tmp_path: Path) -> None:
    guest = start("T4")
    guest.run("rm", "-r", "/proc/driver/nvidia-caps")
    mounts = read(guest, tmp_path / "container", "/proc/self/mounts")
    assert " /driver-root/proc/driver " in mounts
    assert " /proc/driver " not in mounts
