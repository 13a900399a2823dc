# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many GPUs a site offers as declared, by the names that Kubernetes gives them. Pure: no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from .cards import Wanted
from .layout import Declared, LayoutError, layout_problems, resolve

WHOLE_CARD = "nvidia.com/gpu"


def resource_name(profile: str) -> str:
    """Return the resource name of a profile's slices under strategy mixed.

    Source: AddDefaultResourcesToConfig in internal/rm/rm.go of github.com/NVIDIA/k8s-device-plugin. Kubernetes allows
    no plus sign in a name: 1g.5gb+me is offered as nvidia.com/mig-1g.5gb.me.
    """
    return f"nvidia.com/mig-{profile.replace('+', '.')}"


def resources_of(card: Wanted) -> Counter[str]:
    """Return how many GPUs a card offers by resource name."""
    return Counter(map(resource_name, card.profiles)) if card.mig else Counter({WHOLE_CARD: 1})


def capacity(hosts: Iterable[Declared]) -> dict[str, Any]:
    """Return the numbers of ``cards`` and ``gpus``, GPUs by name in ``resources``, and the same for each of ``hosts``.

    Raises LayoutError with the problems of all hosts.
    """
    hosts = list(hosts)
    problems = [problem for host in hosts for problem in layout_problems(host)]
    if problems:
        raise LayoutError(problems)
    cards = {host.host: list(resolve(host).values()) for host in hosts}
    shown = {host.host: {"model": host.model, **_sums(cards[host.host])} for host in hosts}
    return {**_sums([card for each in cards.values() for card in each]), "hosts": shown}


def resources(cards: Iterable[Wanted]) -> dict[str, int]:
    """Return how many GPUs several cards offer by resource name."""
    offered: Counter[str] = sum((resources_of(card) for card in cards), Counter())
    return dict(sorted(offered.items()))


def _sums(cards: Sequence[Wanted]) -> dict[str, Any]:
    offered = resources(cards)
    return {"cards": len(cards), "gpus": sum(offered.values()), "resources": offered}
