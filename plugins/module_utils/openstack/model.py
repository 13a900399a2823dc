# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a site wants from its OpenStack project, derived from the inventory. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Union

MARK = "ai_infn_site"
"""Metadata key, and first word of a description, that says which site an object belongs to."""

ANY_ADDRESS = ("0.0.0.0/0", "::/0")
EVERY_HOST = "all"
ADMIN = "admin"


class InputError(Exception):
    """The declaration contradicts itself; ``problems`` holds one sentence for each contradiction."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True, order=True)
class Rule:
    """One rule of a security group; exactly one of ``cidr`` and ``group`` is set, or none for any peer."""

    direction: str
    ethertype: str
    protocol: str = ""
    port_min: int = 0
    port_max: int = 0
    cidr: str = ""
    group: str = ""

    def __str__(self) -> str:
        ports = f" {self.port_min}-{self.port_max}" if self.port_max else ""
        peer = f"group {self.group}" if self.group else self.cidr or "anywhere"
        word = "from" if self.direction == "ingress" else "to"
        return f"{self.direction} {self.ethertype} {self.protocol or 'any'}{ports} {word} {peer}"


EGRESS = (Rule("egress", "IPv4"), Rule("egress", "IPv6"))
"""The rules that neutron gives to each new security group: hosts may open connections to anywhere."""


@dataclass(frozen=True)
class SecurityGroup:
    """A security group by its name in the cloud, and its exact set of rules."""

    name: str
    description: str
    rules: frozenset[Rule]


@dataclass(frozen=True)
class Network:
    """The site's network. ``existing``: given by the cloud's administrators, nothing of it is ours to change."""

    name: str
    cidr: str
    existing: bool = False
    external: str = ""
    dns: tuple[str, ...] = ()

    @property
    def has_router(self) -> bool:
        """Whether the site makes a router of its own towards the external network."""
        return bool(self.external) and not self.existing


@dataclass(frozen=True)
class Volume:
    """A data volume of a host; ``size`` in GiB."""

    name: str
    size: int
    type: str = ""


@dataclass(frozen=True)
class Host:
    """A declared host: its server, port, volumes and floating IP. ``groups`` are the inventory's."""

    name: str
    flavor: str
    image: str
    groups: frozenset[str] = frozenset()
    fixed_ip: str = ""
    floating_ip: bool = False
    volumes: tuple[Volume, ...] = ()
    server_group: str = ""
    availability_zone: str = ""
    security_groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeyPair:
    """The administrators' SSH key; ``public_key`` is empty while it does not exist yet (check mode)."""

    name: str
    public_key: str = ""


@dataclass(frozen=True)
class Site:
    """All that a site wants from its project. ``server_groups`` maps names in the cloud to policies."""

    name: str
    network: Network
    key_pair: KeyPair
    security_groups: tuple[SecurityGroup, ...]
    server_groups: Mapping[str, str]
    hosts: tuple[Host, ...]

    @property
    def mark(self) -> str:
        """The description of the site's objects in neutron, which has no metadata."""
        return f"{MARK}={self.name}"


def site_from_options(options: Mapping[str, Any]) -> Site:
    """Build the wanted site from the module's options (their shape is in ``spec.SITE_OPTIONS``).

    Raises InputError with every problem at once.
    """
    site = str(options["site"])
    problems: list[str] = []
    groups = _security_groups(site, options, problems)
    members = {name: frozenset(options["security_groups"][name].get("members") or ()) for name in groups}
    hosts = tuple(_host(site, entry, members, problems) for entry in options["hosts"])
    network = _network(options["network"], problems)
    if problems:
        raise InputError(problems)
    policies = options.get("server_group_policies") or {}
    wanted_groups = sorted({str(entry["server_group"]) for entry in options["hosts"] if entry.get("server_group")})
    return Site(
        name=site,
        network=network,
        key_pair=KeyPair(options["key_name"], options.get("public_key") or ""),
        security_groups=tuple(groups.values()),
        server_groups={f"{site}-{name}": policies.get(name, "soft-anti-affinity") for name in wanted_groups},
        hosts=hosts,
    )


def _network(options: Mapping[str, Any], problems: list[str]) -> Network:
    cidr = options.get("cidr") or ""
    existing = bool(options.get("existing"))
    try:
        if cidr or not existing:
            ip_network(cidr)
    except ValueError as error:
        problems.append(
            f"openstack_network_cidr: {error}. Needed: the site's range of addresses, such as 10.64.0.0/24."
        )
    return Network(options["name"], cidr, existing, options.get("external") or "", tuple(options.get("dns") or ()))


def _host(site: str, entry: Mapping[str, Any], members: Mapping[str, frozenset[str]], problems: list[str]) -> Host:
    name = str(entry["name"])
    groups = frozenset(entry.get("groups") or ())
    volumes = tuple(Volume(v["name"], int(v["size"]), v.get("type") or "") for v in entry.get("volumes") or ())
    for wanted in sorted({v.name for v in volumes if sum(v.name == other.name for other in volumes) > 1}):
        problems.append(f"{name}: two volumes are named {wanted}. Remedy: give each volume of a host its own name.")
    problems.extend(
        f"{name}: volume {v.name} has size {v.size}. Needed: at least 1 GiB." for v in volumes if v.size < 1
    )
    if not entry.get("image"):
        problems.append(f"{name}: a flavor is declared but no image. Remedy: set openstack_server_image.")
    belongs = [f"{site}-{group}" for group, of in members.items() if EVERY_HOST in of or of & groups]
    return Host(
        name=name,
        flavor=str(entry["flavor"]),
        image=str(entry.get("image") or ""),
        groups=groups,
        fixed_ip=str(entry.get("fixed_ip") or ""),
        floating_ip=bool(entry.get("floating_ip")),
        volumes=volumes,
        server_group=f"{site}-{entry['server_group']}" if entry.get("server_group") else "",
        availability_zone=entry.get("availability_zone") or "",
        security_groups=tuple(sorted(belongs)),
    )


def _security_groups(site: str, options: Mapping[str, Any], problems: list[str]) -> dict[str, SecurityGroup]:
    """Return the groups that have a member among the hosts, by their short name."""
    declared: Mapping[str, Any] = options.get("security_groups") or {}
    populated = {group for entry in options["hosts"] for group in entry.get("groups") or ()} | {EVERY_HOST}
    alive = [name for name, group in declared.items() if populated & set(group.get("members") or ())]
    admin = list(options.get("admin_cidrs") or ())
    result = {}
    for name in alive:
        rules = set(EGRESS)
        for number, entry in enumerate(declared[name].get("rules") or (), start=1):
            where = f"security group {name}, rule {number}"
            rules.update(_rules(site, entry, declared, alive, admin, where, problems))
        result[name] = SecurityGroup(f"{site}-{name}", declared[name].get("description") or "", frozenset(rules))
    return result


def _rules(
    site: str,
    entry: Mapping[str, Any],
    declared: Iterable[str],
    alive: Iterable[str],
    admin: Sequence[str],
    where: str,
    problems: list[str],
) -> Iterable[Rule]:
    """Return the neutron rules of one declared rule: one a peer network, none for a group without members."""
    protocol = str(entry.get("protocol") or "any").lower()
    if protocol not in ("tcp", "udp", "icmp", "any"):
        problems.append(f"{where}: protocol is {protocol}. Needed: tcp, udp, icmp or any.")
        return []
    low = int(entry.get("port_min") or 0)
    high = int(entry.get("port_max") or low)
    if protocol in ("tcp", "udp") and not 1 <= low <= high <= 65535:
        problems.append(f"{where}: ports {low}-{high}. Needed: 1 <= port_min <= port_max <= 65535.")
        return []
    ports = (low, high) if protocol in ("tcp", "udp") else (0, 0)
    wanted = "" if protocol == "any" else protocol
    peer = str(entry.get("from") or "")
    if peer in declared:
        return [Rule("ingress", "IPv4", wanted, *ports, group=f"{site}-{peer}")] if peer in alive else []
    try:
        return [_network_rule(ip_network(text), wanted, ports) for text in (admin if peer == ADMIN else [peer])]
    except ValueError:
        known = ", ".join(sorted(declared))
        found = f"openstack_admin_cidrs: {', '.join(admin)}" if peer == ADMIN else f"from: {peer or 'nothing'}"
        problems.append(f"{where}: {found}. Needed: a network, '{ADMIN}', or a security group: {known}.")
    return []


def _network_rule(network: Union[IPv4Network, IPv6Network], protocol: str, ports: tuple[int, int]) -> Rule:
    text = "" if str(network) in ANY_ADDRESS else str(network)
    if network.version == 6 and protocol == "icmp":
        protocol = "ipv6-icmp"
    return Rule("ingress", f"IPv{network.version}", protocol, *ports, cidr=text)
