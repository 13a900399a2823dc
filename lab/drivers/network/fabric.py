"""Applies compiled routers to the fabric's network namespace. Every step may be repeated."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from lab import settings
from lab.drivers.network.router import TABLE, Fabric
from lab.machine.guest import ensure_bridge

KEPT_ADDRESSES = {settings.FABRIC_LINK: (f"{settings.FABRIC_ADDRESS}/{settings.EXTERNAL_CIDR.partition('/')[2]}",)}
"""Addresses that belong to the fabric itself."""
BRIDGE_PREFIX = "br-"


def apply(wanted: Fabric) -> None:
    """Make the fabric so, and take away what is not wanted any more."""
    # Packets between guests of one network are the guests' business, not the router's.
    _inside(
        [
            "sysctl",
            "-qw",
            "net.bridge.bridge-nf-call-iptables=0",
            "net.bridge.bridge-nf-call-ip6tables=0",
            "net.bridge.bridge-nf-call-arptables=0",
        ],
        check=False,
    )
    links = _links()
    for bridge, mtu in wanted.bridges.items():
        if bridge not in links or links[bridge].get("mtu") != mtu:
            ensure_bridge(bridge, mtu)
            _inside(["ip", "link", "set", bridge, "mtu", str(mtu)])
    for bridge in _left_over(links, wanted):
        _inside(["ip", "link", "delete", bridge], check=False)
    for link in (*wanted.bridges, settings.FABRIC_LINK):
        _set_addresses(link, set(wanted.addresses.get(link, ())), _addresses(_links().get(link, {})))
    _inside(["nft", "-f", "-"], stdin=wanted.table)


def is_so(wanted: Fabric) -> bool:
    """Whether links and addresses are as wanted, and the table is there."""
    links = _links()
    if _left_over(links, wanted) or not set(wanted.bridges) <= set(links):
        return False
    for link in (*wanted.bridges, settings.FABRIC_LINK):
        kept = set(KEPT_ADDRESSES.get(link, ()))
        if _addresses(links.get(link, {})) - kept != set(wanted.addresses.get(link, ())):
            return False
    return f"table ip {TABLE}" in _inside(["nft", "list", "tables"]).splitlines()


def _left_over(links: dict[str, dict[str, Any]], wanted: Fabric) -> list[str]:
    """Bridges of networks that are gone. One with a guest on it is of a network that neutron has not told yet."""
    used = {link.get("master") for link in links.values()}
    return [name for name in links if name.startswith(BRIDGE_PREFIX) and name not in used | set(wanted.bridges)]


def _set_addresses(link: str, wanted: set[str], present: set[str]) -> None:
    for address in sorted(wanted - present):
        _inside(["ip", "address", "replace", address, "dev", link])
    for address in sorted(present - wanted - set(KEPT_ADDRESSES.get(link, ()))):
        _inside(["ip", "address", "delete", address, "dev", link], check=False)
        # What was translated to a floating address that is gone must not go on.
        _inside(["conntrack", "--delete", "--orig-dst", address.partition("/")[0]], check=False)


def _links() -> dict[str, dict[str, Any]]:
    return {str(link["ifname"]): link for link in json.loads(_inside(["ip", "-json", "address", "show"]))}


def _addresses(link: dict[str, Any]) -> set[str]:
    infos = link.get("addr_info", [])
    return {f"{info['local']}/{info['prefixlen']}" for info in infos if info.get("family") == "inet"}


def _inside(command: Sequence[str], stdin: str | None = None, check: bool = True) -> str:
    done = subprocess.run(
        ["nsenter", f"--net=/run/netns/{settings.NETNS}", *command],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
