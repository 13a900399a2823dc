"""What each compute host offers, as placement and nova count it: the three GPU servers of the mission."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict


class Inventory(TypedDict):
    """One resource class of a provider, in placement's words."""

    total: int
    reserved: int
    min_unit: int
    max_unit: int
    step_size: int
    allocation_ratio: float


@dataclass(frozen=True)
class Server:
    """A GPU server. Memory and disk are what the real machine has: guests here are containers and use what they use."""

    vcpus: int = 128
    memory_mb: int = 1024 * 1024
    disk_gb: int = 12 * 1024
    gpus: Mapping[str, int] = field(default_factory=dict)


SERVERS = {
    "gpu-server-1": Server(vcpus=64, memory_mb=750 * 1024, gpus={"CUSTOM_GPU_T4": 8, "CUSTOM_GPU_RTX_5000": 5}),
    # One A100 is spare, so that a server with a card can be made beside the site that has all the others.
    "gpu-server-2": Server(gpus={"CUSTOM_GPU_A100": 2, "CUSTOM_GPU_A30": 1}),
    "gpu-server-3": Server(gpus={"CUSTOM_GPU_A100": 3}),
}


GPU_MODELS = {
    "CUSTOM_GPU_T4": "T4",
    "CUSTOM_GPU_RTX_5000": "RTX5000",
    "CUSTOM_GPU_A100": "A100-40GB",
    "CUSTOM_GPU_A30": "A30",
}
"""The model of the cards of each resource class."""


def server(host: str) -> Server:
    """The server of this name; an unknown one has no GPU."""
    return SERVERS.get(host, Server())


def inventory(host: str) -> dict[str, Inventory]:
    """The host's inventory for placement, by resource class."""
    offered = server(host)
    classes = {"VCPU": offered.vcpus, "MEMORY_MB": offered.memory_mb, "DISK_GB": offered.disk_gb, **offered.gpus}
    return {name: _whole(total) for name, total in classes.items()}


def hypervisor(host: str) -> dict[str, Any]:
    """What nova's own tables hold about the host, beside its identity."""
    offered = server(host)
    return {
        "vcpus": offered.vcpus,
        "memory_mb": offered.memory_mb,
        "local_gb": offered.disk_gb,
        "vcpus_used": 0,
        "memory_mb_used": 0,
        "local_gb_used": 0,
        "hypervisor_type": "podman",
        "hypervisor_version": 4003001,
        "hypervisor_hostname": host,
        "cpu_info": json.dumps({"arch": "x86_64", "model": "host", "topology": {}, "features": []}),
        "disk_available_least": offered.disk_gb,
        "supported_instances": [("x86_64", "lxc", "exe")],
        "numa_topology": None,
    }


def _whole(total: int) -> Inventory:
    return {
        "total": total,
        "reserved": 0,
        "min_unit": 1,
        "max_unit": total,
        "step_size": 1,
        "allocation_ratio": 1.0,
    }
