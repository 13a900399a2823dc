"""Volumes in guests: a loop device of the host whose node is made in the running guest, as there is no udev.

In the guest a volume is ``/dev/vdX`` and ``/dev/disk/by-id/virtio-<first 20 characters of the volume's id>``, as on a
KVM host. Both lead to ``/dev/loopN``, the kernel's own name for it, so that blkid and mount find it by label too.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab.machine import podman


@dataclass(frozen=True)
class Attachment:
    """A volume of a guest: its id, the file that holds it and its device name in the guest (``/dev/vdb``)."""

    volume: str
    file: str
    device: str

    @property
    def link(self) -> str:
        """The stable name in the guest."""
        return f"/dev/disk/by-id/virtio-{self.volume[:20]}"


def loop_of(file: str) -> str | None:
    """The loop device that holds this file, as /dev/loopN."""
    found = json.loads(_losetup("--json", "--list", "--output=NAME,BACK-FILE", f"--associated={file}") or "{}")
    devices = found.get("loopdevices", [])
    return str(devices[0]["name"]) if devices else None


def hold(file: str) -> str:
    """Return the loop device of the file, making it if there is none."""
    return loop_of(file) or _losetup("--find", "--show", "--direct-io=on", file).strip()


def release(file: str) -> None:
    """Give the loop device of the file back; a mounted one goes when its last user does."""
    device = loop_of(file)
    if device:
        _losetup("--detach", device)


def resize(file: str) -> None:
    """Tell the loop device that its file has grown."""
    device = loop_of(file)
    if device:
        _losetup("--set-capacity", device)


def add_to_guest(attachment: Attachment, process: int) -> None:
    """Make the volume appear in a guest, whose first process this is."""
    loop = hold(attachment.file)
    number = Path(loop).stat().st_rdev
    script = (
        f"umask 022 && rm -f {loop} && mknod {loop} b {os.major(number)} {os.minor(number)} && chmod 0660 {loop}"
        f" && mkdir -p /dev/disk/by-id && ln -sfn {loop} {attachment.device} && ln -sfn {loop} {attachment.link}"
    )
    podman.run_in_namespace(process, "mount", ["sh", "-c", script])


def take_from_guest(attachment: Attachment, process: int) -> None:
    """Make the volume disappear from a guest. A filesystem that is still mounted is the guest's own mistake."""
    loop = loop_of(attachment.file)
    names = [attachment.device, attachment.link, *([loop] if loop else [])]
    podman.run_in_namespace(process, "mount", ["rm", "-f", *names])


def release_all(folder: Path) -> None:
    """Detach every loop device whose file lies below the folder, also of files that were deleted."""
    for device in json.loads(_losetup("--json", "--list", "--output=NAME,BACK-FILE") or "{}").get("loopdevices", []):
        if str(device["back-file"]).startswith(f"{folder}/") and Path(device["name"]).is_block_device():
            _losetup("--detach", device["name"])


def _losetup(*arguments: str) -> str:
    done = subprocess.run(["losetup", *arguments], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise RuntimeError(f"losetup {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
