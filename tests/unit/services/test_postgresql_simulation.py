"""Agents of a PostgreSQL cluster driven through random faults: no order of these breaks what is promised."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from postgresql_failover.decision import Act, Cluster, Declared, Position, Server, Step, decide
from postgresql_simulated import Broken, Simulation
from postgresql_simulated_keys import LEASE

CLUSTERS = [(3, 1), (3, 2), (4, 1), (4, 2), (5, 1), (5, 2), (5, 3)]


@pytest.mark.parametrize("degrade_after", [0, LEASE])
@pytest.mark.parametrize(("hosts", "confirmations"), CLUSTERS)
def test_no_order_of_faults_loses_a_commit_or_lets_two_acknowledge(
    hosts: int, confirmations: int, degrade_after: int
) -> None:
    promotions = acknowledged = degraded = 0
    for seed in range(40):
        one = Simulation(hosts, confirmations, seed, degrade_after=degrade_after)
        for _tick in range(400):
            one.tick()
        promotions += one.promotions
        acknowledged += len(one.acknowledged)
        degraded += one.degraded
    assert promotions > 20 and acknowledged > 400, (promotions, acknowledged)
    assert bool(degraded) == bool(degrade_after)


@pytest.mark.parametrize("degrade_after", [0, LEASE])
@pytest.mark.parametrize(("hosts", "confirmations"), CLUSTERS)
def test_a_cluster_whose_faults_are_over_works_again_by_itself(
    hosts: int, confirmations: int, degrade_after: int
) -> None:
    for seed in range(20):
        one = Simulation(hosts, confirmations, seed, degrade_after=degrade_after)
        for _tick in range(200):
            one.tick()
        one.heal()
        one.faults = False
        for _tick in range(8 * LEASE):
            one.tick()
        (primary,) = [member for member in one.members.values() if member.running and member.primary]
        before = len(one.acknowledged)
        for _tick in range(4 * LEASE):
            one.tick()
        assert len(one.acknowledged) > before, f"seed {seed}: {primary.name} acknowledges nothing"
        assert all(member.running for member in one.members.values())
        assert set(one.acknowledged) <= set(primary.log)


def too_few(server: Server, cluster: Cluster, declared: Declared) -> Step:
    """Decide as if one member that is cut off were enough."""
    if cluster.quorum:
        rules = tuple(replace(rule, confirmations=len(rule.standbys)) for rule in cluster.quorum.rules)
        cluster = replace(cluster, quorum=replace(cluster.quorum, rules=rules))
    return decide(server, cluster, declared)


def least_advanced(server: Server, cluster: Cluster, declared: Declared) -> Step:
    """Decide as if the least advanced were the best."""
    turned = {
        name: replace(told, position=Position(-told.position.timeline, -told.position.lsn))
        for name, told in cluster.told.items()
    }
    return decide(server, replace(cluster, told=turned), declared)


def hasty(server: Server, cluster: Cluster, declared: Declared) -> Step:
    """Forget what earlier commits rely on before they are confirmed anew."""
    step = decide(server, cluster, declared)
    return replace(step, act=Act.SETTLE) if step.act is Act.RELY else step


def unheard(server: Server, cluster: Cluster, declared: Declared) -> Step:
    """Have commits need less before candidates count with that."""
    step = decide(server, cluster, declared)
    less = step.act is Act.ALLOW and step.rule and step.rule.confirmations < declared.confirmations
    return replace(step, act=Act.RELY) if less else step


@pytest.mark.parametrize(
    ("hosts", "confirmations", "wrong"),
    [
        *((5, 2, {"decide": decision}) for decision in (too_few, least_advanced, hasty, unheard)),
        (3, 1, {"checks": False}),  # a standby whose log has branched off follows, and confirms
    ],
    ids=["too few", "least advanced", "hasty", "unheard", "unchecked"],
)
def test_the_simulation_finds_what_breaks_the_promise(hosts: int, confirmations: int, wrong: dict[str, Any]) -> None:
    def run(seed: int) -> None:
        one = Simulation(hosts, confirmations, seed, degrade_after=LEASE, **wrong)
        for _tick in range(400):
            one.tick()

    with pytest.raises(Broken):
        for seed in range(100):
            run(seed)
