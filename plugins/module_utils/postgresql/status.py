# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verdict on PostgreSQL clusters, from what their hosts answer. Pure: no I/O.

A host's answer is what the module postgresql_member returned for it. Its ``cluster`` is ``{"answered", "leader",
"ready", "term", "rules", "members", "me", "server"}``: what etcd says, and what the host's own server is. The server's
``report`` is what it says itself: see ``services/postgresql_failover/report.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

SITE = "site"
"""The host of a check that is about no host alone."""

Json = Mapping[str, Any]
Check = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A declared database host: what it said, or else why it said nothing, and its options by their names."""

    name: str
    cluster: str
    confirmations: int
    said: Json
    silence: str
    options: Json

    @property
    def knows(self) -> bool:
        """Whether it said what etcd says."""
        return bool(self.said and self.said["answered"])

    @property
    def is_primary(self) -> bool:
        """Whether it said that its server runs as a primary."""
        return bool(self.said and self.said["server"]["running"] and self.said["server"]["primary"])

    def receives_from(self, leader: str) -> bool:
        """Whether it said that its server receives from this member."""
        return bool(leader and self.said and self.said["server"]["receives"] == leader)


def asked(hosts: Iterable[Json], answers: Mapping[str, Json], defaults: Json) -> list[Asked]:
    """Return the database hosts with these variables; ``answers`` are by host, those that were not asked left out.

    ``defaults`` has the options to look at, and what holds for a host that does not set them.
    """
    result = []
    for host in hosts:
        name = str(host["inventory_hostname"])
        options = {option: host.get(option, value) for option, value in defaults.items()}
        cluster, confirmations = str(options["postgresql_cluster"]), int(options["postgresql_confirmations"])
        answer = answers.get(name) or {}
        said = answer.get("cluster") or {}
        reason = "" if said else silence(answer, "its agent's program")
        result.append(Asked(name, cluster, confirmations, said, reason, options))
    return sorted(result, key=lambda one: (one.cluster, one.name))


def of_clusters(hosts: Iterable[Asked]) -> dict[str, list[Asked]]:
    """Return the hosts of each cluster."""
    found: dict[str, list[Asked]] = {}
    for host in hosts:
        found.setdefault(host.cluster, []).append(host)
    return found


def view(members: Iterable[Asked]) -> Json:
    """Return what the host that knows of the latest leadership said; empty if nobody knows of any."""
    known = [one.said for one in members if one.knows]
    return max(known, key=lambda said: (said["term"], bool(said["leader"])), default={})


def checks(hosts: Iterable[Asked]) -> list[Check]:
    """Return the status checks of all clusters and of their hosts."""
    result = []
    for cluster, members in of_clusters(hosts).items():
        seen = view(members)
        result += [
            check("one server leads", SITE, cluster, _leader_problem(members, seen), _leads(seen)),
            check("commits need what is declared", SITE, cluster, _rule_problem(members, seen), _rules(seen)),
        ]
        for one in members:
            leads = one.name == seen.get("leader")
            detail = "primary" if leads else f"standby, receives from {seen.get('leader')}"
            result.append(check("server leads or receives", one.name, cluster, _member_problem(one, seen), detail))
            if one.said:
                result.append(check("server is fit to lead", one.name, cluster, _unfit(one, seen), "as it says"))
    return result


def check(name: str, host: str, cluster: str, problem: str, detail: str) -> Check:
    """Return a check of a cluster, which has failed if there is a problem; otherwise the detail says how it is."""
    detail = f"cluster {cluster}: {problem or detail}"
    return {"layer": "database", "check": name, "host": host, "ok": not problem, "detail": detail}


def silence(answer: Json, program: str) -> str:
    """Return why a host has not said what its program says, from what the module that asked it returned."""
    if not answer or answer.get("unreachable"):
        return "the host cannot be reached. Remedy: start it, or remove it with remove_node.yml."
    reason = str(answer.get("msg") or "no reason given").strip().rstrip(".")
    return f"{program} does not answer: {reason}. Remedy: run database.yml."


def _leader_problem(members: list[Asked], seen: Json) -> str:
    if not seen:
        return "none of its hosts could say who leads. Remedy: see etcd.service on the hosts of group etcd."
    if not seen["term"]:
        return "etcd knows no such cluster. Remedy: run database.yml."
    told = {one.said["leader"] or "nobody": one.name for one in members if one.knows}
    if len(told) > 1:
        found = ", ".join(f"{leader} by {name}" for leader, name in sorted(told.items()))
        return f"who leads changes at this moment: {found}. Remedy: ask again in some seconds."
    leader = seen["leader"]
    if not leader:
        return "nobody leads. Remedy: journalctl -u postgresql-failover on its hosts says what is missing."
    mine = next((one for one in members if one.name == leader), None)
    if mine is None:
        return f"{leader} leads and is not declared. Remedy: declare it, or let another lead with switchover.yml."
    others = [one.name for one in members if one.is_primary and one.name != leader]
    if others:
        return f"{leader} leads, and a primary runs on {', '.join(others)}, too. Remedy: see its agent's journal."
    if not mine.said:
        return f"{leader} leads, and does not say whether its server is a primary."
    if not mine.is_primary:
        return f"{leader} leads, and its server does not run as a primary. Remedy: see its agent's journal."
    return "" if seen["ready"] else f"{leader} leads and is not ready: it is being promoted. Remedy: ask again."


def _rule_problem(members: list[Asked], seen: Json) -> str:
    leader = seen.get("leader")
    if not leader:
        return "without a leader nothing is acknowledged."
    wanted = {
        "standbys": [one.name for one in members if one.name != leader],
        "confirmations": max(one.confirmations for one in members),
    }
    if seen["rules"] == [wanted]:
        return ""
    degraded = any(rule["confirmations"] < wanted["confirmations"] for rule in seen["rules"])
    standbys = "bring the standbys back, if too few were left to confirm; otherwise " if degraded else ""
    return (
        f"found {_rules(seen)}. Declared: {_rule(wanted)}. Remedy: {standbys}run database.yml; the leader takes it "
        "over once all commits have it, see its agent's journal."
    )


def _member_problem(one: Asked, seen: Json) -> str:
    if one.silence:
        return one.silence
    if not one.knows:
        return "the majority of voters does not answer it. Remedy: see etcd.service on the hosts of group etcd."
    if one.name not in one.said["members"]:
        return "its agent does not work. Remedy: journalctl -u postgresql-failover says why."
    leader = seen["leader"]
    if one.name == leader:
        return "" if one.is_primary else "it leads, and its server does not run as a primary."
    if one.receives_from(leader):
        return ""
    found, needed = one.said["server"]["receives"] or "nobody", leader or "a leader, and there is none"
    return f"receives from {found}, needed: from {needed}. Remedy: journalctl -u postgresql-failover says why."


def _unfit(one: Asked, seen: Json) -> str:
    server = one.said["server"]
    told = seen.get("members", {}).get(one.name, {"fit": True})
    problems = [str(server[key]) for key in ("stuck", "full") if server[key]]
    if not told["fit"] and not problems:
        problems = ["its agent says that it is not; its journal says why"]
    return "; ".join(problems)


def _leads(seen: Json) -> str:
    return f"{seen.get('leader')} leads in term {seen.get('term')}"


def _rules(seen: Json) -> str:
    return " and ".join(_rule(rule) for rule in seen.get("rules", [])) or "no rule"


def _rule(rule: Json) -> str:
    return f"{rule['confirmations']} of {', '.join(rule['standbys']) or 'no standby'}"
