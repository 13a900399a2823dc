"""What neutron wants of the network, as one document: written whole by its driver, read by whoever makes it so."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import settings

FILE = settings.STATE / "network" / "desired.json"


@dataclass(frozen=True)
class Rule:
    """One rule of a security group, in neutron's words. Without cidr and group it is about everybody."""

    direction: str
    family: int
    protocol: str | None = None
    port_min: int | None = None
    port_max: int | None = None
    cidr: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Port:
    """A port: what its owner may call itself and which groups it is in. ``secured`` is neutron's port security."""

    mac: str
    network: str
    addresses: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...] = ()
    groups: tuple[str, ...] = ()
    secured: bool = True


@dataclass(frozen=True)
class Router:
    """A router: its addresses in tenant networks as (network, address/prefix), and its address outside."""

    gateways: tuple[tuple[str, str], ...]
    external: str | None = None
    snat: bool = True


@dataclass(frozen=True)
class Desired:
    """Everything. Networks map to their MTU, groups to their rules, floating addresses to fixed ones."""

    networks: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    ports: Mapping[str, Port] = field(default_factory=dict)
    routers: Mapping[str, Router] = field(default_factory=dict)
    floating: Mapping[str, str] = field(default_factory=dict)

    def members(self, group: str) -> tuple[str, ...]:
        """The addresses of all ports in a security group, with those that they may use beside their own."""
        found = {
            address
            for port in self.ports.values()
            if group in port.groups
            for address in (*port.addresses, *(pair[0] for pair in port.pairs))
        }
        return tuple(sorted(found))


def encode(desired: Desired) -> str:
    """The document as text; equal wishes give equal texts."""
    return json.dumps(dataclasses.asdict(desired), indent=1, sort_keys=True)


def decode(text: str) -> Desired:
    """The document from its text."""
    found: dict[str, Any] = json.loads(text)
    return Desired(
        networks=found["networks"],
        groups={name: tuple(Rule(**rule) for rule in rules) for name, rules in found["groups"].items()},
        ports={name: _port(port) for name, port in found["ports"].items()},
        routers={name: _router(router) for name, router in found["routers"].items()},
        floating=found["floating"],
    )


def write(text: str, file: Path = FILE) -> bool:
    """Write the document unless the file already says so, whole or not at all; tell whether it was written."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return False
    handle, draft = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        opened.write(text)
    Path(draft).rename(file)
    return True


def read(file: Path = FILE) -> Desired | None:
    """Read the document, None when neutron has not written one yet."""
    try:
        return decode(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _port(found: dict[str, Any]) -> Port:
    pairs = tuple((address, mac) for address, mac in found.pop("pairs"))
    return Port(addresses=tuple(found.pop("addresses")), groups=tuple(found.pop("groups")), pairs=pairs, **found)


def _router(found: dict[str, Any]) -> Router:
    gateways = tuple((network, address) for network, address in found.pop("gateways"))
    return Router(gateways=gateways, **found)
