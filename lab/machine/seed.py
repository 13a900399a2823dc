"""The NoCloud seed: the documents that a guest's cloud-init reads at its first boot."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Interface:
    """A network interface of a guest as its cloud-init configures it; addresses carry their prefix length."""

    name: str
    mac: str
    mtu: int
    addresses: tuple[str, ...] = ()
    gateway: str | None = None
    nameservers: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Seed:
    """What one guest is told about itself."""

    instance: str
    hostname: str
    interfaces: tuple[Interface, ...]
    keys: tuple[str, ...] = ()
    user_data: bytes = b"#cloud-config\n{}\n"
    metadata: Mapping[str, str] = field(default_factory=dict)


def documents(seed: Seed) -> dict[str, bytes]:
    """Compile the seed into files. JSON is YAML, so no document needs a YAML writer."""
    meta = {
        "instance-id": seed.instance,
        "local-hostname": seed.hostname,
        "public-keys": list(seed.keys),
        "meta": dict(seed.metadata),
    }
    network = {"version": 2, "ethernets": {nic.name: _ethernet(nic) for nic in seed.interfaces}}
    return {
        "meta-data": _json(meta),
        "user-data": seed.user_data,
        # Generating a locale takes seconds, and the platform's programs speak C.UTF-8.
        "vendor-data": b"#cloud-config\nlocale: false\n",
        "network-config": _json(network),
        "resolv.conf": resolver(seed.interfaces).encode(),
    }


def write(seed: Seed, folder: Path) -> None:
    """Write the documents of the seed into a folder that only root reads."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in documents(seed).items():
        (folder / name).write_bytes(content)


def resolver(interfaces: Sequence[Interface]) -> str:
    """Compile resolv.conf from the interfaces' name servers."""
    servers = dict.fromkeys(server for nic in interfaces for server in nic.nameservers)
    return "".join(f"nameserver {server}\n" for server in servers)


def _ethernet(nic: Interface) -> dict[str, object]:
    routes = [{"to": to, "via": via} for to, via in nic.routes]
    if nic.gateway:
        everywhere = "::/0" if ipaddress.ip_address(nic.gateway).version == 6 else "0.0.0.0/0"
        routes.append({"to": everywhere, "via": nic.gateway})
    ethernet: dict[str, object] = {
        "match": {"macaddress": nic.mac},
        "set-name": nic.name,
        "mtu": nic.mtu,
        "addresses": list(nic.addresses),
        "routes": routes,
        "dhcp4": False,
        "accept-ra": False,
        "link-local": [],
    }
    if nic.nameservers:
        ethernet["nameservers"] = {"addresses": list(nic.nameservers)}
    return ethernet


def _json(document: object) -> bytes:
    return json.dumps(document, indent=1).encode() + b"\n"
