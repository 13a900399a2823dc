"""Policies enforced on the nodes of the fabric, as the agent would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fabric import NODES, PODS, Fabric
from network_policy_agent.compiler import Cluster, compile_node
from network_policy_agent.objects import Pod
from network_policy_agent.render import Options, render
from samples import Json, cluster, pod

OPTIONS = Options()
Enforce = Callable[..., None]


def all_pods() -> list[Pod]:
    """Return the four pods of the fabric; the b pods have a named port, each another number."""
    numbers = {"a1": 8001, "a2": 8002, "b1": 8001, "b2": 8002}
    return [
        pod(name, address, node=name[0], ports=[{"name": "web", "containerPort": numbers[name]}])
        for name, address in PODS.items()
    ]


def linked_pods() -> list[Pod]:
    """Return the four pods with the links that the plugin would name."""
    return [replace(one, link=f"veth{one.name}") for one in all_pods()]


def enforce_policies(fabric: Fabric, *specs: Json, pods: list[Pod] | None = None) -> None:
    """Enforce these policies on both nodes, which know all pods unless others are named."""
    wanted: Cluster = cluster(all_pods() if pods is None else pods, list(specs))
    for node in NODES:
        fabric.run(node, "nft", "-f", "-", text=render(compile_node(wanted, node), OPTIONS))
