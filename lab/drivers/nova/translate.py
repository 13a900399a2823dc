"""From nova's words to the lab's: network information to interfaces, instances to seeds, volumes. Pure functions."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any

from lab import settings
from lab.drivers.network.router import bridge_name
from lab.drivers.nova.inventory import GPU_MODELS
from lab.machine.guest import Nic
from lab.machine.seed import Interface, Seed
from lab.machine.volumes import Attachment

Vif = Mapping[str, Any]
"""A virtual interface as nova describes it (nova.network.model.VIF is a dict)."""


def tap_name(port: str) -> str:
    """The fabric's end of a port's cable."""
    return f"tap{port[:11]}"


def nics(vifs: Iterable[Vif]) -> tuple[Nic, ...]:
    """The cables of a server."""
    return tuple(
        Nic(
            bridge=bridge_name(vif["network"]["id"]),
            tap=tap_name(vif["id"]),
            mac=vif["address"],
            name=f"eth{number}",
            mtu=_mtu(vif),
            port=vif["id"],
        )
        for number, vif in enumerate(vifs)
    )


def interfaces(vifs: Iterable[Vif]) -> tuple[Interface, ...]:
    """The configuration of a server's interfaces. Only the first has a default route."""
    return tuple(_interface(number, vif) for number, vif in enumerate(vifs))


def seed(instance: Any, vifs: Iterable[Vif]) -> Seed:
    """The seed of an instance (nova.objects.Instance)."""
    return Seed(
        instance=instance.uuid,
        hostname=instance.hostname,
        interfaces=interfaces(vifs),
        keys=(instance.key_data.strip(),) if instance.key_data else (),
        user_data=base64.b64decode(instance.user_data) if instance.user_data else Seed.user_data,
        metadata=dict(instance.metadata or {}),
    )


def gpus(extra_specs: Mapping[str, str]) -> tuple[str, ...]:
    """The models of the cards that a flavor asks for, by its extra specs (``resources:CUSTOM_GPU_T4=8``)."""
    wanted = {key.partition("resources:")[2]: number for key, number in extra_specs.items()}
    return tuple(model for name, model in GPU_MODELS.items() for _ in range(int(wanted.get(name, 0))))


def attachment(connection_info: Mapping[str, Any], device: str) -> Attachment:
    """A volume of a server, from what the cinder driver said of it."""
    data = connection_info["data"]
    return Attachment(volume=data["volume_id"], file=data["path"], device=device)


def container_name(name: str) -> str:
    """A server's display name as a container may be called."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name).lstrip("-_.") or "server"


def _interface(number: int, vif: Vif) -> Interface:
    addresses: list[str] = []
    nameservers: list[str] = []
    routes: list[tuple[str, str]] = []
    gateway = None
    for subnet in vif["network"]["subnets"]:
        length = ipaddress.ip_network(subnet["cidr"]).prefixlen
        addresses += [f"{ip['address']}/{length}" for ip in subnet["ips"]]
        nameservers += [server["address"] for server in subnet.get("dns", [])]
        routes += [(route["cidr"], route["gateway"]["address"]) for route in subnet.get("routes", [])]
        if number == 0 and gateway is None and subnet.get("gateway"):
            gateway = subnet["gateway"].get("address")
    return Interface(
        name=f"eth{number}",
        mac=vif["address"],
        mtu=_mtu(vif),
        addresses=tuple(addresses),
        gateway=gateway,
        nameservers=tuple(nameservers) or (settings.FABRIC_ADDRESS,),
        routes=tuple(routes),
    )


def _mtu(vif: Vif) -> int:
    return int(vif["network"].get("meta", {}).get("mtu") or settings.TENANT_MTU)
