# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the inventory learns from the site's servers. Pure: no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

from .cloud import Json, is_marked

IDENTITY = re.compile(r"[0-9A-Za-z-]+")
SERVER_VARIABLES = ("openstack_server_id", "openstack_server_address", "openstack_server_host_id")
"""What a server's host has beside ``ansible_host``; the last is one text for all servers on one hypervisor."""


def host_variables(servers: Iterable[Json], floating_ips: Iterable[Json], site: str) -> dict[str, dict[str, str]]:
    """Return the variables of each server of the site that has an address; a floating IP is how it is reached.

    Floating IPs are neutron's word: nova learns of them later. Every value is an address or an id and nothing else,
    so that it may be trusted as a variable.
    """
    outside = {item["description"].partition(": ")[2]: item for item in floating_ips if is_marked(item, site)}
    result = {}
    for server in servers:
        fixed = _fixed(server)
        usable = server["status"] not in ("ERROR", "DELETED") and IDENTITY.fullmatch(server["id"])
        if not fixed or not usable or not is_marked(server, site):
            continue
        floating = outside.get(server["name"], {})
        reached = floating["floating_ip_address"] if floating.get("port_id") else fixed
        result[server["name"]] = {
            "ansible_host": str(ip_address(reached)),
            "openstack_server_id": server["id"],
            "openstack_server_address": str(ip_address(fixed)),
        }
        if IDENTITY.fullmatch(server.get("hostId") or ""):
            result[server["name"]]["openstack_server_host_id"] = server["hostId"]
    return result


def _fixed(server: Json) -> str:
    """Return the server's first fixed address, IPv4 before IPv6, or nothing."""
    addresses = [address for addresses in server["addresses"].values() for address in addresses]
    found = sorted((a["version"], a["addr"]) for a in addresses if a.get("OS-EXT-IPS:type") != "floating")
    return str(found[0][1]) if found else ""
