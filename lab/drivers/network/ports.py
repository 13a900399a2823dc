"""Applies a port's policy in the network namespace of its guest."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

from lab.drivers.network import desired, flows, rules
from lab.machine import guest as guests
from lab.machine.podman import run_in_namespace

GUESTS_NFT = "net,mount"
"""The guest's own nft: an older one crashes on what newer ones (kube-proxy's) have put beside our tables."""


def arm(guest: guests.Guest, process: int) -> None:
    """Enforce the policies of a guest's ports before it boots. What neutron has not yet told is closed."""
    wanted = desired.read() or desired.Desired()
    for nic in guest.nics:
        if nic.port:
            run_in_namespace(process, "net", ["nft", "-f", "-"], stdin=script(wanted, nic))


def script(wanted: desired.Desired, nic: guests.Nic) -> str:
    """The rules of one cable."""
    return rules.compile_policy(rules.policy(wanted, nic.port, nic.mac), nic.name)


def running() -> Iterator[tuple[guests.Guest, int]]:
    """Every running guest that has ports of neutron, with its process."""
    for guest in guests.known():
        process = guests.running_process(guest)
        if process is not None and any(nic.port for nic in guest.nics):
            yield guest, process


def refresh(wanted: desired.Desired, nic: guests.Nic, process: int) -> int:
    """Enforce the present policy and end the connections that it does not admit; returns how many were ended."""
    policy = rules.policy(wanted, nic.port, nic.mac)
    run_in_namespace(process, GUESTS_NFT, ["nft", "-f", "-"], stdin=rules.compile_policy(policy, nic.name))
    listing = "".join(
        run_in_namespace(process, "net", ["conntrack", "--dump", "--family", family]) for family in ("ipv4", "ipv6")
    )
    ended = flows.condemned(policy, listing, _elsewhere(nic.name, process))
    for flow in ended:
        # It may have ended by itself meanwhile, which conntrack calls an error.
        command = ["nsenter", f"--target={process}", "--net", "--", *flow.deletion]
        subprocess.run(command, capture_output=True, check=False, timeout=60)
    return len(ended)


def _elsewhere(device: str, process: int) -> list[str]:
    """The networks that the guest reaches by another interface than this one."""
    found = []
    for family in ("-4", "-6"):
        routes = json.loads(run_in_namespace(process, "net", ["ip", family, "-json", "route", "show"]) or "[]")
        found += [route["dst"] for route in routes if route.get("dev") != device and route["dst"] != "default"]
    return found


def enforced(nic: guests.Nic, process: int) -> bool:
    """Whether the port's tables are there; a guest's root could have flushed them."""
    listed = run_in_namespace(process, GUESTS_NFT, ["nft", "list", "tables"]).splitlines()
    return all(f"table {family} {rules.TABLE}_{nic.name}" in listed for family in ("inet", "netdev"))
