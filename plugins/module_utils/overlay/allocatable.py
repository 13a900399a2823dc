# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether nodes offer the devices that they should, and why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def offered(node: Mapping[str, Any], prefix: str) -> dict[str, int]:
    """Return how many of each resource with a prefix a Node has to give, those of which it has none left out."""
    found = node.get("status", {}).get("allocatable", {})
    return {name: int(number) for name, number in sorted(found.items()) if name.startswith(prefix) and int(number)}


def differing(
    nodes: Iterable[Mapping[str, Any]], expected: Mapping[str, Mapping[str, int]], prefix: str
) -> dict[str, str]:
    """Return {name: what it offers and should} of the nodes that do not offer exactly what is expected of them."""
    present = {node["metadata"]["name"]: node for node in nodes}
    result = {}
    for name, numbers in expected.items():
        found = offered(present.get(name, {}), prefix)
        needed = {resource: number for resource, number in sorted(numbers.items()) if number}
        if name not in present:
            result[name] = "there is no such Node"
        elif found != needed:
            result[name] = f"found {_shown(found)}. Needed: {_shown(needed)}"
    return result


def plugin_state(pods: Iterable[Mapping[str, Any]], node: str) -> str:
    """Return in words how the pod that offers a node's devices is."""
    here = [pod for pod in pods if pod["spec"].get("nodeName") == node]
    return "; ".join(f"pod {pod['metadata']['name']}: {_state(pod)}" for pod in here) or "no pod there offers any"


def _state(pod: Mapping[str, Any]) -> str:
    for container in pod["status"].get("containerStatuses", []):
        for state in ("waiting", "terminated"):
            detail = container.get("state", {}).get(state)
            if detail:
                return " ".join(filter(None, (detail.get("reason"), detail.get("message")))) or state
    return str(pod["status"].get("phase", "unknown"))


def _shown(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} x {name}" for name, number in numbers.items()) or "none"
