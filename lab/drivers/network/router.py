"""Routers and floating addresses: compiled into addresses and one nftables table of the fabric. Pure functions."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from lab import settings
from lab.drivers.network.desired import Desired

TABLE = "ai_infn_lab_router"
OPEN_BRIDGE = "dev0"
"""The bridge of guests made by hand reaches everything that a routed network reaches."""


@dataclass(frozen=True)
class Fabric:
    """What the fabric shall have: bridges with their MTU, addresses of links, and the text of the table."""

    bridges: Mapping[str, int]
    addresses: Mapping[str, tuple[str, ...]]
    table: str


def bridge_name(network: str) -> str:
    """The bridge of a neutron network; interface names hold 15 characters."""
    return f"br-{network[:11]}"


def compile_fabric(desired: Desired) -> Fabric:
    """Compile the routers of all tenants. Networks that share no router do not reach each other."""
    gateways: dict[str, list[str]] = {}
    for router in desired.routers.values():
        for network, address in router.gateways:
            gateways.setdefault(bridge_name(network), []).append(address)
    outside = [router.external for router in desired.routers.values() if router.external]
    outside += list(desired.floating)
    return Fabric(
        bridges={bridge_name(network): mtu for network, mtu in desired.networks.items()},
        addresses={
            **{bridge: tuple(sorted(addresses)) for bridge, addresses in gateways.items()},
            settings.FABRIC_LINK: tuple(sorted(f"{address}/32" for address in set(outside))),
        },
        table=_table(desired),
    )


def _table(desired: Desired) -> str:
    lines = [f"table ip {TABLE}", f"delete table ip {TABLE}", f"table ip {TABLE} {{"]
    lines += ["  chain forward {", "    type filter hook forward priority 0; policy drop;"]
    lines += ["    ct state established,related accept", *_forward(desired), "  }"]
    lines += ["  chain prerouting {", "    type nat hook prerouting priority -100; policy accept;"]
    lines += [f"    ip daddr {floating} dnat to {fixed}" for floating, fixed in sorted(desired.floating.items())]
    lines += ["  }", "  chain output {", "    type nat hook output priority -100; policy accept;"]
    lines += [f"    ip daddr {floating} dnat to {fixed}" for floating, fixed in sorted(desired.floating.items())]
    lines += ["  }", "  chain postrouting {", "    type nat hook postrouting priority 100; policy accept;"]
    return "\n".join([*lines, *_source_translation(desired), "  }", "}"]) + "\n"


def _forward(desired: Desired) -> list[str]:
    link = settings.FABRIC_LINK
    lines = [f'    iifname "{OPEN_BRIDGE}" accept', f'    oifname "{OPEN_BRIDGE}" iifname "{link}" accept']
    for router in desired.routers.values():
        if not router.gateways:
            continue
        inside = "{ " + ", ".join(sorted({f'"{bridge_name(network)}"' for network, _ in router.gateways})) + " }"
        lines.append(f"    iifname {inside} oifname {inside} accept")
        if router.external:
            lines.append(f'    iifname {inside} oifname "{link}" accept')
            # Whoever is outside may come in by address too: the lab's administrator sits beside the cloud.
            lines.append(f'    iifname "{link}" oifname {inside} accept')
    return lines


def _source_translation(desired: Desired) -> list[str]:
    link = settings.FABRIC_LINK
    lines = [
        f'    oifname "{link}" ip saddr {fixed} snat to {floating}'
        for floating, fixed in sorted(desired.floating.items())
    ]
    for router in desired.routers.values():
        networks = sorted({str(ipaddress.ip_interface(address).network) for _, address in router.gateways})
        if router.external and router.snat:
            lines += [f'    oifname "{link}" ip saddr {network} snat to {router.external}' for network in networks]
        # A guest that calls a neighbour by floating address must get its answers through the router.
        lines += [f"    ip saddr {network} ip daddr {network} ct status dnat masquerade" for network in networks]
    return lines
