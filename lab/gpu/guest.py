"""Simulated cards in a guest: the driver's library, its device nodes, and what the kernel would show of them.

The library lies in a folder of the guest on the host, with the cards' state beside it: so that outlives the guest's
container, as real cards do. Everything else is put in place anew at each boot, before /sbin/init runs.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from lab.gpu import build, device
from lab.gpu.cards import Card, description
from lab.machine import podman

DRIVER = "/usr/lib/x86_64-linux-gnu/gpu-simulation"
"""In the guest. Where a real driver keeps its libraries is up to the packages of the distribution."""
KERNEL = "kernel"
PROC_DEVICES = "/proc/devices"
PROC_MODULES = "/proc/modules"
PROGRAMS = "programs"
"""Folder of programs that come before the real ones of the same name, which roles have in /usr/local/bin."""
INSERT = f"""
kernel={DRIVER}/{KERNEL}
# What nova's compute service makes is for root alone.
chmod -R a+rX {DRIVER} /dev/nvidia-caps
mount -t tmpfs -o mode=755 gpu-simulation /proc/driver
cp -r $kernel/proc/driver/. /proc/driver/
mount --bind $kernel{PROC_DEVICES} {PROC_DEVICES}
mount -t tmpfs -o mode=755 gpu-simulation /sys/bus/pci/devices
cp -r $kernel/sys/bus/pci/devices/. /sys/bus/pci/devices/
echo {DRIVER} >/etc/ld.so.conf.d/000-gpu-simulation.conf
ldconfig
{DRIVER}/{build.BOOT}
ln -sf {DRIVER}/{build.HOLD} /usr/local/bin/{build.HOLD}
ln -sf {DRIVER}/{PROGRAMS}/nvidia-mig-parted /usr/local/sbin/nvidia-mig-parted
"""


def volumes(folder: Path) -> list[str]:
    """Return what podman mounts into a guest whose driver is in ``folder`` on the host."""
    return [f"--volume={folder}:{DRIVER}"]


def prepare(folder: Path, cards: Sequence[Card]) -> None:
    """Write the guest's driver into ``folder``; the state of cards that it had stays."""
    folder.mkdir(parents=True, exist_ok=True)
    built = build.ensure()
    for name in (build.LIBRARY, build.CUDA, build.HOLD, build.BOOT):
        shutil.copy2(built / name, folder / name)
    shutil.copytree(Path(__file__).parent / PROGRAMS, folder / PROGRAMS, dirs_exist_ok=True)
    (folder / build.state_file("cards")).write_text(description(cards), encoding="utf-8")
    present = Path(PROC_DEVICES).read_text(encoding="utf-8")
    files = {
        **device.proc_files(cards),
        **device.pci_files(cards),
        PROC_DEVICES: device.devices(present, *device.free_majors(present)),
        PROC_MODULES: device.modules(""),
    }
    shutil.rmtree(folder / KERNEL, ignore_errors=True)
    device.write_files(folder / KERNEL, files)


def insert(cards: Sequence[Card], process: int) -> None:
    """Load the driver into the guest whose first process this is and which does not run yet."""
    majors = device.free_majors(Path(PROC_DEVICES).read_text(encoding="utf-8"))
    device.make_nodes(Path(f"/proc/{process}/root"), device.nodes(cards, *majors))
    podman.run_in_namespace(process, "mount", ["sh", "-euc", INSERT])
