# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the cloud answered, and how to find a site's objects in it. Pure: no I/O.

Objects are the JSON of the services' own APIs (nova microversion 2.72, neutron v2, glance v2, cinder v3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from .model import ANY_ADDRESS, MARK, Rule, Site

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Limit:
    """A quota: ``limit`` is -1 for unlimited."""

    limit: int
    used: int

    @property
    def available(self) -> Optional[int]:
        """What is left, or None for unlimited."""
        return None if self.limit < 0 else max(0, self.limit - self.used)


@dataclass
class Cloud:
    """One reading of a project. Networks, images and flavors are all that the project may see."""

    project: str = ""
    networks: list[Json] = field(default_factory=list)
    subnets: list[Json] = field(default_factory=list)
    routers: list[Json] = field(default_factory=list)
    security_groups: list[Json] = field(default_factory=list)
    ports: list[Json] = field(default_factory=list)
    floating_ips: list[Json] = field(default_factory=list)
    servers: list[Json] = field(default_factory=list)
    server_groups: list[Json] = field(default_factory=list)
    key_pairs: list[Json] = field(default_factory=list)
    volumes: list[Json] = field(default_factory=list)
    flavors: list[Json] = field(default_factory=list)
    images: list[Json] = field(default_factory=list)
    limits: dict[str, Limit] = field(default_factory=dict)


def is_marked(item: Json, site: str) -> bool:
    """Say whether an object was made by the site: by metadata in nova and cinder, by description in neutron."""
    if "metadata" in item:
        return bool(item["metadata"].get(MARK) == site)
    description = item.get("description") or ""
    return description == f"{MARK}={site}" or description.startswith(f"{MARK}={site}: ")


def by_name(items: Iterable[Json], name: str) -> list[Json]:
    """Return the objects of that name."""
    return [item for item in items if item.get("name") == name]


class SiteView:
    """Finds the site's objects by name and mark in a reading of the cloud."""

    def __init__(self, site: Site, cloud: Cloud) -> None:
        self.site = site
        self.cloud = cloud

    def own(self, items: Iterable[Json], name: str) -> Optional[Json]:
        """Return the object of that name that the site made, or None."""
        return next((item for item in by_name(items, name) if is_marked(item, self.site.name)), None)

    @property
    def network(self) -> Optional[Json]:
        """The site's network: its own, or the given one."""
        network = self.site.network
        if network.existing:
            return next(iter(by_name(self.cloud.networks, network.name)), None)
        return self.own(self.cloud.networks, network.name)

    @property
    def subnet(self) -> Optional[Json]:
        """The subnet with the declared range, or the first one of a given network."""
        network = self.network
        if network is None:
            return None
        subnets = [subnet for subnet in self.cloud.subnets if subnet["network_id"] == network["id"]]
        declared = self.site.network.cidr
        return next((s for s in subnets if not declared or s["cidr"] == declared), None)

    @property
    def external(self) -> Optional[Json]:
        """The external network."""
        candidates = by_name(self.cloud.networks, self.site.network.external)
        return next((item for item in candidates if item.get("router:external")), None)

    def server(self, host: str) -> Optional[Json]:
        """Return the server of a host."""
        return self.own(self.cloud.servers, host)

    def port(self, host: str) -> Optional[Json]:
        """Return the port of a host."""
        return self.own(self.cloud.ports, host)

    def volume(self, host: str, volume: str) -> Optional[Json]:
        """Return a data volume; it belongs to the host's name, not to a server, and so outlives it."""
        wanted = {MARK: self.site.name, "ai_infn_host": host, "ai_infn_volume": volume}
        return next((v for v in self.cloud.volumes if wanted.items() <= v["metadata"].items()), None)

    def floating_ip(self, host: str) -> Optional[Json]:
        """Return the floating IP of a host, also while it points nowhere."""
        wanted = floating_ip_description(self.site, host)
        return next((item for item in self.cloud.floating_ips if item["description"] == wanted), None)

    def undeclared(self) -> list[Json]:
        """Return the site's servers that no declared host explains."""
        declared = {host.name for host in self.site.hosts}
        return [s for s in self.cloud.servers if is_marked(s, self.site.name) and s["name"] not in declared]


def floating_ip_description(site: Site, host: str) -> str:
    """Return the description by which the floating IP of a host is found again."""
    return f"{site.mark}: {host}"


def rule_of(answer: Json, group_names: Mapping[str, str]) -> Rule:
    """Translate neutron's rule; a peer group that is not among ``group_names`` (id to name) keeps its id."""
    peer = answer.get("remote_group_id") or ""
    cidr = answer.get("remote_ip_prefix") or ""
    protocol = answer.get("protocol") or ""
    return Rule(
        direction=answer["direction"],
        ethertype=answer["ethertype"],
        protocol="ipv6-icmp" if protocol == "icmpv6" else protocol,
        port_min=answer.get("port_range_min") or 0,
        port_max=answer.get("port_range_max") or 0,
        cidr="" if cidr in ANY_ADDRESS else cidr,
        group=group_names.get(peer, peer),
    )


def fault_text(server: Json) -> str:
    """Return why a server is in ERROR, in the cloud's words."""
    fault = server.get("fault") or {}
    return str(fault.get("message") or "the cloud gave no reason")


def address_of(port: Optional[Json]) -> str:
    """Return a port's first fixed address, or nothing."""
    addresses = (port or {}).get("fixed_ips") or [{}]
    return str(addresses[0].get("ip_address") or "")
