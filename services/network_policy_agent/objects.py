"""What the agent keeps of the API's objects: small, immutable and comparable, so that noise causes no work."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Labels = tuple[tuple[str, str], ...]
"""Sorted (key, value) pairs."""

Json = Mapping[str, Any]

POD_LINKS = "veth"
"""How network plugins begin the name of the node's end of a pod's link."""


@dataclass(frozen=True)
class NamedPort:
    """A port that a container declares under a name."""

    name: str
    protocol: str
    number: int


@dataclass(frozen=True)
class Pod:
    """A pod with a network of its own; `address` is its IPv4 address, None before it has one."""

    namespace: str
    name: str
    uid: str
    node: str
    labels: Labels
    address: str | None
    ports: tuple[NamedPort, ...]
    link: str | None = None
    """The node's end of the pod's link, where it is known."""


def labels_of(item: Json) -> Labels:
    """Return an object's labels."""
    return tuple(sorted(((item.get("metadata") or {}).get("labels") or {}).items()))


def pod_of(item: Json) -> Pod | None:
    """Return the pod, or None when policies cannot concern it: host network, or finished (its address is free)."""
    metadata, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    if spec.get("hostNetwork") or status.get("phase") in ("Succeeded", "Failed"):
        return None
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        node=spec.get("nodeName") or "",
        labels=labels_of(item),
        address=_ipv4(status),
        ports=tuple(sorted(_named_ports(spec), key=lambda port: (port.name, port.protocol, port.number))),
    )


def _ipv4(status: Json) -> str | None:
    candidates = [entry.get("ip") for entry in status.get("podIPs") or []] or [status.get("podIP")]
    for candidate in candidates:
        if candidate and is_ipv4(candidate):
            return str(candidate)
    return None


def is_ipv4(address: str) -> bool:
    """Tell whether a text is an IPv4 address."""
    try:
        ipaddress.IPv4Address(address)
    except ValueError:
        return False
    return True


def _named_ports(spec: Json) -> set[NamedPort]:
    # Sidecars are init containers that keep running: their ports have names too.
    sidecars = [one for one in spec.get("initContainers") or [] if one.get("restartPolicy") == "Always"]
    return {
        NamedPort(port["name"], port.get("protocol") or "TCP", int(port["containerPort"]))
        for container in [*(spec.get("containers") or []), *sidecars]
        for port in container.get("ports") or []
        if port.get("name")
    }
