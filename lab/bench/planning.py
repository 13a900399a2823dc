"""How long it takes to plan the layouts of very many cards: pure computation, no machine needed."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from plugins.module_utils.gpu import placement
from plugins.module_utils.gpu.cards import Card, ComputeInstance, GpuInstance, Wanted
from plugins.module_utils.gpu.plan import make_plan
from plugins.module_utils.gpu.profiles import MODELS

MODEL = "A100-40GB"
TABLE = MODELS[MODEL].profiles
MANY = 1000
SEED = 1


def card(index: int, choice: random.Random) -> Card:
    """A card in some state: slices put on it until none fits, of which some are gone again and some are broken."""
    free = list(TABLE.values())
    instances: list[GpuInstance] = []
    taken = 0
    while free:
        profile = choice.choice(free)
        start = next((at for at in profile.starts if not taken & placement.span(profile, at)), None)
        if start is None or profile.has_media_extensions:
            free.remove(profile)
            continue
        taken |= placement.span(profile, start)
        compute = (ComputeInstance(0, profile.slices, f"MIG-{index}-{start}"),) if choice.random() < 0.9 else ()
        instances.append(GpuInstance(len(instances), profile, start, compute))
    return Card(index, f"GPU-{index}", True, True, tuple(one for one in instances if choice.random() < 0.8))


def cards(number: int) -> list[Card]:
    """The same cards in each run."""
    choice = random.Random(SEED)  # noqa: S311  no secret
    return [card(index, choice) for index in range(number)]


def wanted(found: Sequence[Card]) -> dict[int, Wanted]:
    """What the cards are to be: three layouts in turn, so that most change."""
    layouts = (("1g.5gb",) * 7, ("3g.20gb", "2g.10gb", "1g.5gb", "1g.5gb"), ("3g.20gb", "3g.20gb"))
    return {one.index: Wanted(True, layouts[one.index % len(layouts)]) for one in found}


def seconds(found: Sequence[Card]) -> float:
    """Seconds of a processor to plan these cards in a process that has planned none before."""
    for function in vars(placement).values():
        getattr(function, "cache_clear", lambda: None)()
    in_use = {uuid for one in found[::2] for instance in one.instances for uuid in instance.uuids}
    states = wanted(found)
    started = time.process_time()
    make_plan(TABLE, found, states, in_use)
    return time.process_time() - started


def values() -> dict[str, dict[str, float]]:
    """The figure's values by side: what is measured, and what is promised."""
    return {"reference": {"plan_1000_cards": 1.0}, "ours": {"plan_1000_cards": seconds(cards(MANY))}}
