# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Remove one host of a site: its server, port and floating IP; its data volumes only when told so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .client import Client, CloudError
from .cloud import Cloud, Json, by_name, is_marked
from .known_hosts import forget_in_file
from .lock import site_lock
from .model import MARK
from .waiting import delete_server, wait_volume


@dataclass(frozen=True)
class Belongings:
    """What a host has in the cloud."""

    servers: list[Json]
    ports: list[Json]
    floating_ips: list[Json]
    volumes: list[Json]

    def destroyed(self, with_volumes: bool) -> list[str]:
        """Name what a removal destroys."""
        lines = [f"server {item['name']} ({item['id']}, {item['status']})" for item in self.servers]
        lines += [f"port {item['name']} ({address})" for item in self.ports for address in _addresses(item)]
        lines += [f"floating IP {item['floating_ip_address']}" for item in self.floating_ips]
        return lines + [_volume_line(item) for item in self.volumes if with_volumes]

    def names(self) -> set[str]:
        """Return the addresses by which the host was known."""
        fixed = {address for port in self.ports for address in _addresses(port)}
        return fixed | {item["floating_ip_address"] for item in self.floating_ips}


def belongings(cloud: Cloud, site: str, name: str) -> Belongings:
    """Find what a host of the site has. Raises CloudError when only a foreign server has that name."""
    servers = by_name(cloud.servers, name)
    own = [server for server in servers if is_marked(server, site)]
    if servers and not own:
        raise CloudError(
            f"{name}: site {site} did not make the server of that name ({servers[0]['id']}). It is not removed."
        )
    wanted = {MARK: site, "ai_infn_host": name}
    return Belongings(
        servers=own,
        ports=[port for port in by_name(cloud.ports, name) if is_marked(port, site)],
        floating_ips=[item for item in cloud.floating_ips if item["description"] == f"{MARK}={site}: {name}"],
        volumes=[volume for volume in cloud.volumes if wanted.items() <= volume["metadata"].items()],
    )


def remove_host(client: Client, options: Mapping[str, Any], dry: bool) -> dict[str, Any]:
    """Remove the host and return the module's result."""
    with_volumes = options["delete_volumes"]
    if dry:
        found = belongings(client.read(), options["site"], options["name"])
    else:
        with site_lock(options["known_hosts"], options["server_deadline"]):
            found = belongings(client.read(), options["site"], options["name"])
            _destroy(client, found, options)
    destroyed = found.destroyed(with_volumes)
    return {
        "changed": bool(destroyed),
        "destroyed": destroyed,
        "kept": [] if with_volumes else [_volume_line(volume) for volume in found.volumes],
        "diff": {"before": "".join(f"{line}\n" for line in destroyed), "after": ""},
    }


def _destroy(client: Client, found: Belongings, options: Mapping[str, Any]) -> None:
    for server in found.servers:
        delete_server(client, server, options["server_deadline"])
    for item in found.floating_ips:
        client.call("DELETE", "network", f"/floatingips/{item['id']}")
    for port in found.ports:
        client.call("DELETE", "network", f"/ports/{port['id']}")
    for volume in found.volumes if options["delete_volumes"] else ():
        _delete_volume(client, volume)
    forget_in_file(options["known_hosts"], {options["name"], *found.names()})


def _delete_volume(client: Client, volume: Json) -> None:
    wait_volume(client, volume, "available", "error")
    client.call("DELETE", "block_storage", f"/volumes/{volume['id']}")


def _addresses(port: Json) -> list[str]:
    return [item["ip_address"] for item in port["fixed_ips"]]


def _volume_line(volume: Json) -> str:
    return f"volume {volume['name']} ({volume['size']} GiB, {volume['id']})"
