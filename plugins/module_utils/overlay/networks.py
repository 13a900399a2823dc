# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contradictions in the overlay's options, as sentences with the value found, the value needed and the remedy."""

from __future__ import annotations

import ipaddress
from itertools import combinations
from typing import Any

SIZES = (1, 3, 5)


def control_plane_problems(names: list[str]) -> list[str]:
    """Return what is wrong with the number of control planes: an even number tolerates no more than one fewer."""
    if len(names) in SIZES:
        return []
    return [
        f"Control planes: found {len(names)} ({', '.join(names) or 'none'}), needed 1, 3 or 5, so that a majority "
        "is left when one fails. Remedy: change the group kube_control_plane."
    ]


def _network(name: str, text: str) -> tuple[Any, str]:
    try:
        return ipaddress.ip_network(text), ""
    except ValueError as error:
        return (
            None,
            f"{name}: found {text}, no range of addresses ({error}). Needed: one such as 10.244.0.0/16. "
            "Remedy: correct it.",
        )


def _host_address(text: str) -> Any:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def network_problems(ranges: dict[str, str], addresses: dict[str, str] | None = None) -> list[str]:
    """Return a sentence for each range that is none, each pair that overlaps, and each host inside one of the overlay.

    ``ranges`` are by option name; those of the overlay begin with "kubernetes_". ``addresses`` are the hosts' by name.
    """
    parsed = {name: _network(name, text) for name, text in ranges.items() if text}
    problems = [problem for dummy, problem in parsed.values() if problem]
    networks = {name: network for name, (network, dummy) in parsed.items() if network is not None}
    for (first, one), (second, other) in combinations(sorted(networks.items()), 2):
        if one.version == other.version and one.overlaps(other):
            problems.append(
                f"{first} ({one}) and {second} ({other}) overlap. Needed: separate ranges for hosts, pods and "
                "services. Remedy: change one of them."
            )
    for host, text in sorted((addresses or {}).items()):
        address = _host_address(text)
        for name, network in sorted(networks.items()):
            if address is not None and name.startswith("kubernetes_") and address in network:
                problems.append(
                    f"{host} has the address {address}, which is in {name} ({network}). Remedy: change {name}."
                )
    return problems
