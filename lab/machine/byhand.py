"""Guests made by hand, for whoever develops a role without the cloud. They have no security groups."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from lab import fabric, settings
from lab.machine import guest, image, seed, volumes

BRIDGE = "dev0"
GATEWAY = "10.64.9.1"
PREFIX = 24
KEY = image.CACHE / "byhand" / "id_ed25519"


def run(name: str, address: str, disks: tuple[volumes.Attachment, ...] = (), suite: str = image.SUITE) -> None:
    """Boot a guest with this name, address, disks and suite of Debian, and wait until it answers SSH."""
    ensure_fabric()
    number = address.rpartition(".")[2]
    mac = f"fa:16:3e:00:09:{int(number):02x}"
    machine = guest.Guest(
        uuid=f"byhand-{name}",
        name=name,
        image=image.ensure(suite),
        nics=(guest.Nic(bridge=BRIDGE, tap=f"tap-dev-{number}", mac=mac),),
        volumes=disks,
    )
    interface = seed.Interface(
        name="eth0",
        mac=mac,
        mtu=settings.TENANT_MTU,
        addresses=(f"{address}/{PREFIX}",),
        gateway=GATEWAY,
        nameservers=(settings.FABRIC_ADDRESS,),
    )
    document = seed.Seed(machine.uuid, name, (interface,), keys=(public_key(),))
    seed.write(document, machine.folder / "seed")
    guest.create(machine)
    guest.start(machine)
    wait_for_ssh(address)


def remove(name: str) -> None:
    """Remove a guest that was made by hand; one that is not there is no error."""
    found = guest.load(f"byhand-{name}")
    if found is not None:
        guest.remove(found)


def reboot(name: str) -> None:
    """Power a guest off and on."""
    found = guest.load(f"byhand-{name}")
    if found is None:
        raise RuntimeError(f"no guest made by hand is called {name}")
    guest.stop(found, seconds=30)
    guest.start(found)


def wait_for_ssh(address: str, deadline: float = 60) -> None:
    """Return as soon as the guest's SSH server greets."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        try:
            with socket.create_connection((address, 22), timeout=1) as link:
                link.settimeout(2)
                if link.recv(4) == b"SSH-":
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{address} answers no SSH after {deadline:.0f} s")


def ssh_command(address: str) -> str:
    """The command that logs in as the guest's user."""
    return f"ssh -i {KEY} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null debian@{address}"


def public_key() -> str:
    """The public key of the guests made by hand, made at first use."""
    if not KEY.exists():
        KEY.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab-byhand", "-f", str(KEY)], check=True)
    return Path(f"{KEY}.pub").read_text(encoding="utf-8").strip()


def ensure_fabric() -> None:
    """Make the fabric, through its owner, and the bridge of the guests made by hand."""
    fabric.up()
    guest.ensure_bridge(BRIDGE)
    subprocess.run(
        ["ip", "-netns", settings.NETNS, "address", "replace", f"{GATEWAY}/{PREFIX}", "dev", BRIDGE], check=True
    )
