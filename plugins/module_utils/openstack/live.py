# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the inventory learns from the site's servers. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable

from .cloud import Json, is_marked


def host_variables(servers: Iterable[Json], site: str) -> dict[str, dict[str, str]]:
    """Return the variables of each server of the site that has an address; a floating IP is how it is reached."""
    result = {}
    for server in servers:
        if not is_marked(server, site) or server["status"] in ("ERROR", "DELETED"):
            continue
        addresses = [address for addresses in server["addresses"].values() for address in addresses]
        fixed = _first(addresses, "fixed")
        floating = _first(addresses, "floating")
        if fixed or floating:
            result[server["name"]] = {
                "ansible_host": floating or fixed,
                "openstack_server_id": server["id"],
                "openstack_server_address": fixed,
            }
    return result


def _first(addresses: Iterable[Json], kind: str) -> str:
    """Return the first address of a kind, IPv4 before IPv6."""
    found = sorted((a["version"], a["addr"]) for a in addresses if a.get("OS-EXT-IPS:type") == kind)
    return str(found[0][1]) if found else ""
