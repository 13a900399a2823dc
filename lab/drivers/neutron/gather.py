"""From neutron's dictionaries to the document of the network agent. Pure functions."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lab.drivers.network.desired import Desired, Port, Router, Rule

Found = Mapping[str, Any]
ROUTER_INTERFACE = "network:router_interface"


def gather(
    networks: Iterable[Found],
    subnets: Iterable[Found],
    ports: Sequence[Found],
    groups: Iterable[Found],
    routers: Iterable[Found],
    floating: Iterable[Found],
) -> Desired:
    """Put everything together. External networks need no bridge: they are the fabric's link to the machine."""
    prefixes = {subnet["id"]: ipaddress.ip_network(subnet["cidr"]).prefixlen for subnet in subnets}
    return Desired(
        networks={found["id"]: int(found["mtu"]) for found in networks if not found.get("router:external")},
        groups={found["id"]: tuple(_rule(rule) for rule in _sorted(found["security_group_rules"])) for found in groups},
        ports={found["id"]: _port(found) for found in ports if not found["device_owner"].startswith("network:")},
        routers={found["id"]: _router(found, ports, prefixes) for found in routers},
        floating={
            found["floating_ip_address"]: found["fixed_ip_address"] for found in floating if found["fixed_ip_address"]
        },
    )


def _sorted(found: Iterable[Found]) -> list[Found]:
    return sorted(found, key=lambda item: str(item["id"]))


def _rule(found: Found) -> Rule:
    return Rule(
        direction=found["direction"],
        family=6 if found["ethertype"] == "IPv6" else 4,
        protocol=found["protocol"],
        port_min=found["port_range_min"],
        port_max=found["port_range_max"],
        cidr=found["remote_ip_prefix"],
        group=found["remote_group_id"],
    )


def _port(found: Found) -> Port:
    return Port(
        mac=found["mac_address"],
        network=found["network_id"],
        addresses=tuple(ip["ip_address"] for ip in found["fixed_ips"]),
        pairs=tuple((pair["ip_address"], pair["mac_address"]) for pair in found.get("allowed_address_pairs") or ()),
        groups=tuple(sorted(found["security_groups"])),
        secured=found.get("port_security_enabled", True),
    )


def _router(found: Found, ports: Iterable[Found], prefixes: Mapping[str, int]) -> Router:
    gateways = sorted(
        (port["network_id"], f"{ip['ip_address']}/{prefixes[ip['subnet_id']]}")
        for port in ports
        if port["device_owner"] == ROUTER_INTERFACE and port["device_id"] == found["id"]
        for ip in port["fixed_ips"]
        if ":" not in ip["ip_address"]
    )
    outside = found.get("external_gateway_info") or {}
    addresses = [ip["ip_address"] for ip in outside.get("external_fixed_ips", []) if ":" not in ip["ip_address"]]
    return Router(
        gateways=tuple(gateways),
        external=addresses[0] if addresses else None,
        snat=bool(outside.get("enable_snat", True)),
    )
