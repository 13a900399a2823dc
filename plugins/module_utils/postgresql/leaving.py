# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why a host may not leave its PostgreSQL cluster, and why its server may not lead it. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from .status import Asked, Json, view


def leave_problems(name: str, hosts: Iterable[Asked]) -> list[str]:
    """Return why a host may not be removed; its own answer is not needed, since it may be dead."""
    hosts = list(hosts)
    mine = next((one for one in hosts if one.name == name), None)
    if mine is None:
        return []
    problem = _cluster_problem(mine, [one for one in hosts if one.cluster == mine.cluster and one != mine])
    return [problem] if problem else []


def _cluster_problem(mine: Asked, others: list[Asked]) -> str:
    name, cluster, needed = mine.name, mine.cluster, mine.confirmations
    if not others:
        return (
            f"{name} is the last database host of cluster {cluster}; with it all data would go. Needed: another one. "
            "Remedy: declare it in group postgresql and run site.yml first."
        )
    seen = view(others)
    if seen and not seen["term"]:
        return ""  # there is no cluster yet
    leader = seen.get("leader")
    if not leader:
        found = "nobody leads it" if seen else "none of its other hosts says who leads it"
        return f"{name} is a member of cluster {cluster}, and {found}. Needed: a leader. Remedy: see status.yml."
    receiving = [one.name for one in others if one.receives_from(leader)]
    # Where the host leads, one of them takes its place.
    left = len(receiving) - (leader == name)
    if left < needed:
        return (
            f"Without {name} cluster {cluster} has {max(left, 0)} standbys (of {', '.join(one.name for one in others)} "
            f"receive from {leader}: {', '.join(receiving) or 'none'}). Needed: {needed}, as postgresql_confirmations "
            "says, or commits would wait. Remedy: declare another host in group postgresql and run site.yml first, or "
            "bring back one that does not receive."
        )
    if leader == name:
        return (
            f"{name} leads cluster {cluster}. Needed: another leader. Remedy: switch over first, by "
            f"switchover.yml -e node={receiving[0]}."
        )
    return ""


def relies_on(cluster: Json, name: str) -> bool:
    """Whether commits are confirmed by a member, or may have been and are not by others yet."""
    return not cluster["settled"] or any(name in rule["standbys"] for rule in cluster["rules"])


def lead_objection(cluster: Json) -> Optional[str]:
    """Return why the server that says this may not be asked to lead; None where it may, or leads already."""
    me, leader = cluster["me"], cluster["leader"]
    if not cluster["answered"]:
        return "the majority of voters does not answer. Remedy: see etcd.service on the hosts of group etcd"
    if not leader:
        return "nobody leads now, so there is nobody to take over from. Remedy: see status.yml"
    if leader == me:
        return None
    if not cluster["ready"]:
        return f"{leader} has just begun to lead. Remedy: repeat it in some seconds"
    found = cluster["server"]["receives"] or "nobody"
    if found != leader:
        return f"it receives from {found}, needed: from {leader}. Remedy: see journalctl -u postgresql-failover"
    told = cluster["members"].get(me)
    if not told or not told["fit"]:
        why = "it is not fit to lead" if told else "its agent does not work"
        return f"{why}. Remedy: see journalctl -u postgresql-failover"
    return None
