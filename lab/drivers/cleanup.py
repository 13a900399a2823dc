"""Takes away what the drivers made: guests, their folders, loop devices, bridges. Safe to repeat, in any state."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess

from lab import settings
from lab.drivers.cinder import files
from lab.machine import guest as guests
from lab.machine import image, podman, volumes


def remove_guests() -> list[str]:
    """Remove every server of the cloud and return their names; guests made by hand stay."""
    removed = []
    for guest in list(guests.known()):
        if guest.owner:
            guests.remove(guest)
            removed.append(guest.name)
    for container in podman.containers():
        if container["Labels"].get(f"{settings.LABEL}.owner"):
            podman.remove(container["Names"][0])
            removed.append(container["Names"][0])
    return removed


def cleanup() -> None:
    """Remove everything of the drivers: all guests, volumes' devices and what lies in the fabric."""
    for guest in list(guests.known()):
        guests.remove(guest)
    for container in podman.containers():
        podman.remove(container["Names"][0])
    image.forget()
    volumes.release_all(files.FOLDER)
    shutil.rmtree(guests.GUESTS, ignore_errors=True)
    for link in _fabric_links():
        if link.startswith(("br-", "tap", "dev0")):
            subprocess.run(["ip", "-netns", settings.NETNS, "link", "delete", link], capture_output=True, check=False)
    with contextlib.suppress(FileNotFoundError):
        (settings.RUN / "network-agent.ready").unlink()


def _fabric_links() -> list[str]:
    command = ["ip", "-netns", settings.NETNS, "-json", "link", "show"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [str(link["ifname"]) for link in json.loads(done.stdout)] if done.returncode == 0 else []
