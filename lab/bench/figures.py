"""What was measured, as figures: medians, ratios, spreads and limits. Pure functions, no machine needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

OURS = "ours"
REFERENCE = "reference"
SIDES = (OURS, REFERENCE)


@dataclass(frozen=True)
class Measure:
    """A figure to be: which values make it, in which unit, and how large the ratio may be (None: no promise).

    ``ours`` and ``reference`` are (side, value name) pairs; the usual figure takes the same value of both sides.
    """

    name: str
    unit: str
    limit: float | None
    compares: str
    ours: tuple[str, str]
    reference: tuple[str, str]


def versus(name: str, limit: float | None, compares: str, unit: str = "s") -> Measure:
    """A measure that compares the value ``name`` of our side with the same value of the reference."""
    return Measure(name, unit, limit, compares, (OURS, name), (REFERENCE, name))


def adding(existing: int) -> tuple[Measure, ...]:
    """What is promised about one more worker for so many hosts."""
    new = f"one more worker for {existing} hosts"
    return (
        versus(
            f"add_worker_{existing}",
            1.3,
            f"{new}, boot included: host line and overlay.yml --limit NEW / kubeadm join by hand",
        ),
        versus(
            f"add_worker_{existing}_processors", None, f"processor time of add_worker_{existing}", "s of processors"
        ),
        versus(
            f"add_worker_{existing}_old_host_tasks",
            1.0,
            f"{new}: tasks on hosts that were there before, beyond the allow-list of lab/bench/ours.py / none by hand",
            "tasks",
        ),
    )


MEASURES = (
    versus(
        "cluster_ready",
        1.5,
        "3 booted guests to all nodes Ready and CoreDNS available: overlay.yml / kubeadm init and joins by hand",
    ),
    versus(
        "cluster_ready_processors", None, "processor time of cluster_ready, controller and guests", "s of processors"
    ),
    *adding(3),
    *adding(8),
    Measure(
        "add_worker_growth",
        "s",
        1.25,
        "one more worker by overlay.yml --limit NEW: for 8 hosts / for 3 hosts",
        (OURS, "add_worker_8"),
        (OURS, "add_worker_3"),
    ),
    Measure(
        "add_worker_round_trips",
        "round trips",
        1.0,
        "commands that overlay.yml --limit NEW sends over SSH to add one worker: for 8 hosts / for 3 hosts",
        (OURS, "round_trips_8"),
        (OURS, "round_trips_3"),
    ),
    versus(
        "no_change_run",
        None,
        "overlay.yml again on 4 hosts with nothing to change / `ansible all -m ping`, the least that any run costs",
        unit="s per host",
    ),
    versus(
        "relayout",
        1.3,
        "one card from seven slices, each held by a pod that takes 5 s to end, to 3g+2g+1g+1g, until its node offers"
        " these: mig.yml / kubectl drain, nvidia-mig-parted and uncordon by hand",
    ),
    versus(
        "database",
        1.5,
        "3 booted guests to 3 voters, a primary and 2 standbys that confirm its commits, encrypted: database.yml, which"
        " has them fail over, too / by hand, without that",
    ),
    versus("database_processors", None, "processor time of database, controller and guests", "s of processors"),
    versus(
        "transactions",
        None,
        "pgbench, 4 clients: one of two standbys confirms, encrypted / one server alone, unencrypted",
        "transactions a second",
    ),
    versus(
        "plan_1000_cards",
        1.0,
        "planning new layouts for 1,000 cards in hundreds of states / the second that it may take",
        unit="s of processors",
    ),
)

Rounds = Sequence[Mapping[str, Mapping[str, float]]]
"""One mapping per round: side -> value name -> value."""


def values(rounds: Rounds, source: tuple[str, str]) -> list[float]:
    """Every value of one kind, in the order of the rounds; rounds that lack it are left out."""
    side, name = source
    return [one[side][name] for one in rounds if name in one.get(side, {})]


def spread(runs: Iterable[float]) -> float:
    """Width of the values as a part of their median: (max - min) / median; 0 for a single value or a median of 0."""
    runs = list(runs)
    middle = median(runs)
    return round((max(runs) - min(runs)) / middle, 3) if middle else 0.0


def ratio(ours: float, reference: float) -> float | None:
    """How many times the reference our value is; equal values are 1 even when both are 0, otherwise None for x/0."""
    if ours == reference:
        return 1.0
    return round(ours / reference, 3) if reference else None


def figure(measure: Measure, rounds: Rounds) -> dict[str, Any] | None:
    """One figure of the document, None when no round has its values."""
    ours, reference = values(rounds, measure.ours), values(rounds, measure.reference)
    if not ours or not reference:
        return None
    times = ratio(median(ours), median(reference))
    return {
        "ours": round(median(ours), 3),
        "reference": round(median(reference), 3),
        "ratio": times,
        "unit": measure.unit,
        "limit": measure.limit,
        "within_limit": None if measure.limit is None else times is not None and times <= measure.limit,
        "compares": measure.compares,
        "runs": {OURS: [round(one, 3) for one in ours], REFERENCE: [round(one, 3) for one in reference]},
        "spread": {OURS: spread(ours), REFERENCE: spread(reference)},
    }


def document(rounds: Rounds, conditions: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The whole answer: {figure name: figure}, each with the conditions under which it was measured."""
    found = {measure.name: figure(measure, rounds) for measure in MEASURES}
    return {name: {**one, "conditions": dict(conditions)} for name, one in found.items() if one}


def beyond_limits(figures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One sentence for every figure that is larger than promised."""
    return [
        f"{name}: {one['ours']} {one['unit']} is {one['ratio']} times the reference, allowed {one['limit']}"
        for name, one in figures.items()
        if one["within_limit"] is False
    ]


def table(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """The figures as lines for a person."""
    head = f"{'figure':<28} {'ours':>9} {'reference':>9} {'ratio':>7} {'limit':>6}  unit"
    rows = [
        f"{name:<28} {one['ours']:>9} {one['reference']:>9} {one['ratio'] or '-':>7} {one['limit'] or '-':>6}  "
        f"{one['unit']} (spread {one['spread'][OURS]:.0%} / {one['spread'][REFERENCE]:.0%})"
        for name, one in figures.items()
    ]
    return "\n".join([head, *rows])
