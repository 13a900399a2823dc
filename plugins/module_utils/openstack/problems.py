# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contradictions between the declared site and its project, found before the first change. Pure: no I/O.

Each function yields sentences with the value found, the value needed and the remedy.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address, ip_network
from typing import Optional

from .cloud import Cloud, SiteView, address_of, by_name, is_marked
from .model import Host, Site

HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
"""RFC 1123 in lower case, as Kubernetes wants the names of nodes."""


def find_problems(site: Site, cloud: Cloud) -> list[str]:
    """Return every problem of the declaration in this project; quotas are ``quota.compare``'s."""
    view = SiteView(site, cloud)
    return [
        *foreign_servers(view),
        *unknown_flavors(view),
        *unknown_images(view),
        *network_problems(view),
        *address_problems(view),
        *key_pair_problems(view),
        *immutable_differences(view),
    ]


def duplicate_names(names: Iterable[str]) -> Iterator[str]:
    """Find names that are no host names, or differ only in case: a machine's own name has none."""
    spellings = defaultdict(list)
    for name in names:
        spellings[name.lower()].append(name)
        if not HOST_NAME.fullmatch(name):
            yield f"{name}: not a host name. Needed: lower-case letters, digits and hyphens. Remedy: rename the host."
    for name, same in spellings.items():
        if len(same) > 1:
            yield f"{', '.join(same)}: two hosts with the name {name}. Remedy: rename one of them."


def duplicate_addresses(hosts: Iterable[Host], elsewhere: Optional[Mapping[str, str]] = None) -> Iterator[str]:
    """Find an address declared for two hosts; ``elsewhere`` are addresses (by host) that the cloud does not manage."""
    holders = defaultdict(list)
    for host in hosts:
        if host.fixed_ip:
            holders[host.fixed_ip].append(host.name)
    for name, address in (elsewhere or {}).items():
        holders[address].append(name)
    for address, names in holders.items():
        if len(names) > 1:
            yield (
                f"{', '.join(names)}: the same address {address}. Needed: one address for each host."
                " Remedy: change openstack_server_fixed_ip."
            )


def foreign_servers(view: SiteView) -> Iterator[str]:
    """Find servers that have a declared host's name but were not made by this site, or exist twice."""
    for host in view.site.hosts:
        same = by_name(view.cloud.servers, host.name)
        foreign = [server for server in same if not is_marked(server, view.site.name)]
        own = [server for server in same if is_marked(server, view.site.name)]
        for server in foreign:
            yield (
                f"{host.name}: a server of that name ({server['id']}) exists that this site did not make."
                " Remedy: rename the host, or the server."
            )
        if len(own) > 1:
            ids = ", ".join(server["id"] for server in own)
            yield (
                f"{host.name}: {len(own)} servers of that name exist ({ids}). Remedy: delete all but one in the cloud."
            )


def unknown_flavors(view: SiteView) -> Iterator[str]:
    """Find flavors that hosts still to be created need and the cloud has not."""
    known = {flavor["name"] for flavor in view.cloud.flavors}
    for flavor, hosts in _by(view, "flavor").items():
        if flavor not in known:
            yield (
                f"{', '.join(hosts)}: the cloud has no flavor {flavor}. It has: {', '.join(sorted(known)) or 'none'}."
                " Remedy: set openstack_server_flavor."
            )


def unknown_images(view: SiteView) -> Iterator[str]:
    """Find images that hosts still to be created need and the cloud has not, or not active."""
    known = {image["name"] for image in view.cloud.images if image["status"] == "active"}
    ids = {image["id"] for image in view.cloud.images if image["status"] == "active"}
    for image, hosts in _by(view, "image").items():
        if image not in known | ids:
            names = ", ".join(sorted(filter(None, known))) or "none"
            yield (
                f"{', '.join(hosts)}: the cloud has no active image {image}. It has: {names}."
                " Remedy: set openstack_server_image."
            )


def _by(view: SiteView, attribute: str) -> dict[str, list[str]]:
    """Group the hosts that have no server yet by one of their attributes."""
    result = defaultdict(list)
    for host in view.site.hosts:
        if view.server(host.name) is None:
            result[str(getattr(host, attribute))].append(host.name)
    return dict(result)


def network_problems(view: SiteView) -> Iterator[str]:
    """Find a missing given or external network, a foreign one of the same name, and a changed range."""
    wanted = view.site.network
    same = [item for item in by_name(view.cloud.networks, wanted.name) if item["project_id"] == view.cloud.project]
    if wanted.existing and view.network is None:
        known = ", ".join(sorted(item["name"] for item in view.cloud.networks)) or "none"
        yield f"The given network {wanted.name} does not exist. Visible: {known}. Remedy: set openstack_network_name."
    elif wanted.existing and view.subnet is None:
        yield (
            f"The given network {wanted.name} has no subnet {wanted.cidr}."
            " Remedy: set openstack_network_cidr to its range."
        )
    elif not wanted.existing and view.network is None and same:
        yield (
            f"A network {wanted.name} exists that this site did not make."
            " Remedy: set another openstack_network_name, or"
            " openstack_network_existing to use it as it is."
        )
    elif view.network is not None and view.subnet is None:
        found = [item["cidr"] for item in view.cloud.subnets if item["network_id"] == view.network["id"]]
        if found:
            yield (
                f"Network {wanted.name} has the range {', '.join(found)}. Declared: {wanted.cidr}."
                " Remedy: declare the range it has."
            )
    if wanted.external and view.external is None:
        external = sorted(item["name"] for item in view.cloud.networks if item.get("router:external"))
        known = ", ".join(external) or "none"
        yield (
            f"The cloud has no external network {wanted.external}. It has: {known}."
            " Remedy: set openstack_external_network."
        )
    floating = [host.name for host in view.site.hosts if host.floating_ip]
    if floating and not wanted.external:
        yield (
            f"{', '.join(floating)}: a floating IP is declared but no external network."
            " Remedy: set openstack_external_network."
        )


def address_problems(view: SiteView) -> Iterator[str]:
    """Find declared addresses that are malformed, outside the subnet, reserved, or taken by a foreign port."""
    subnet = view.subnet or {}
    cidr = view.site.network.cidr or subnet.get("cidr") or ""
    for host in view.site.hosts:
        if not host.fixed_ip:
            continue
        problem = _address_problem(host.fixed_ip, cidr, subnet.get("gateway_ip") or "")
        if problem:
            yield f"{host.name}: address {host.fixed_ip} {problem} Remedy: change openstack_server_fixed_ip."
        holders = [
            port
            for port in view.cloud.ports
            if any(
                ip["ip_address"] == host.fixed_ip and ip["subnet_id"] == subnet.get("id") for ip in port["fixed_ips"]
            )
        ]
        own = view.port(host.name)
        taken = [port for port in holders if own is None or port["id"] != own["id"]]
        if taken:
            owner = taken[0]["name"] or taken[0]["device_owner"] or taken[0]["id"]
            yield (
                f"{host.name}: address {host.fixed_ip} is taken by port {owner}."
                " Remedy: change openstack_server_fixed_ip."
            )


def _address_problem(address: str, cidr: str, gateway: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return "is no IP address."
    if not cidr:
        return ""
    network = ip_network(cidr)
    if parsed not in network:
        return f"is outside the subnet {cidr}."
    reserved = {network.network_address, network.broadcast_address, ip_address(gateway) if gateway else network[1]}
    return "is the subnet's own (network, gateway or broadcast)." if parsed in reserved else ""


def key_pair_problems(view: SiteView) -> Iterator[str]:
    """Find a key pair of the site's name that is another key."""
    wanted = view.site.key_pair
    for key in by_name(view.cloud.key_pairs, wanted.name):
        if wanted.public_key and key["public_key"].split()[:2] != wanted.public_key.split()[:2]:
            yield (
                f"Key pair {wanted.name} in the cloud is another key than the site's id_ed25519."
                " Remedy: restore the site's key from its"
                " backup, or delete the key pair in the cloud, or set another openstack_key_name."
            )


def immutable_differences(view: SiteView) -> Iterator[str]:
    """Find declared values that an existing server or volume cannot take on without being made anew."""
    for host in view.site.hosts:
        server = view.server(host.name)
        if server is not None and server["flavor"]["original_name"] != host.flavor:
            found = server["flavor"]["original_name"]
            yield (
                f"{host.name}: the server has flavor {found}. Declared: {host.flavor}."
                " Remedy: remove_node.yml, then run again."
            )
        found = address_of(view.port(host.name))
        if host.fixed_ip and found and found != host.fixed_ip:
            yield (
                f"{host.name}: the server has address {found}. Declared: {host.fixed_ip}."
                " Remedy: remove_node.yml, then run again."
            )
        for wanted in host.volumes:
            volume = view.volume(host.name, wanted.name)
            if volume is not None and volume["size"] != wanted.size:
                yield (
                    f"{host.name}: volume {wanted.name} has {volume['size']} GiB. Declared: {wanted.size} GiB."
                    " Remedy: declare its size, or resize the volume in the cloud."
                )
