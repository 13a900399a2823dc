# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verdict on a cluster, from what its API and its pods say: pure functions that return checks."""

from __future__ import annotations

from typing import Any

from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.etcd import Member
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.nodes import unready

SITE = "site"
"""The host of a check that is about no host alone."""

Check = dict[str, Any]


def check(name: str, host: str, problem: str, detail: str = "") -> Check:
    """Return one check: it is ok when there is no problem."""
    return {"layer": "overlay", "check": name, "host": host, "ok": not problem, "detail": problem or detail}


def node_checks(nodes: list[dict[str, Any]], declared: list[str], version: str) -> list[Check]:
    """Every declared node is Ready at the version, none is cordoned by us for good, and no node is undeclared."""
    reasons = unready(nodes, declared, version)
    checks = [check("node is ready", name, reasons.get(name, ""), f"v{version.lstrip('v')}") for name in declared]
    others = sorted({node["metadata"]["name"] for node in nodes} - set(declared))
    problem = (
        f"not in the inventory: {', '.join(others)}; remove them with remove_node.yml or declare them" if others else ""
    )
    return [*checks, check("nodes are declared", SITE, problem, f"{len(declared)} nodes")]


def pod_problem(pod: dict[str, Any]) -> str:
    """Return why a pod does not run, or nothing."""
    status = pod["status"]
    if status.get("phase") == "Succeeded":
        return ""
    for container in status.get("containerStatuses", []) + status.get("initContainerStatuses", []):
        waiting = container.get("state", {}).get("waiting")
        if waiting:
            return f"{container['name']}: {waiting.get('reason', 'waiting')} {waiting.get('message', '')}".strip()
    conditions = {item["type"]: item for item in status.get("conditions", [])}
    for kind in ("PodScheduled", "Ready"):
        condition = conditions.get(kind, {})
        if condition.get("status") != "True":
            return condition.get("message") or condition.get("reason") or f"is {status.get('phase', 'unknown')}"
    return ""


def pod_checks(pods: list[dict[str, Any]], namespaces: list[str]) -> list[Check]:
    """All pods of the system's namespaces run; pods that are being deleted do not count."""
    system = [
        pod for pod in pods if pod["metadata"]["namespace"] in namespaces and "deletionTimestamp" not in pod["metadata"]
    ]
    found = {f"{pod['metadata']['namespace']}/{pod['metadata']['name']}": pod_problem(pod) for pod in system}
    problems = [f"{name} {problem}" for name, problem in sorted(found.items()) if problem]
    return [check("system pods run", SITE, "; ".join(problems), f"{len(system)} pods")]


def etcd_checks(members: list[Member], control_planes: list[str]) -> list[Check]:
    """Every control plane is a healthy voting member of etcd, and nobody else is."""
    problems = [
        f"{member.name or 'a member that never started'} is not healthy" for member in members if not member.healthy
    ]
    problems += [f"{member.name} is still a learner" for member in members if member.learner]
    names = {member.name for member in members}
    problems += [f"{name} is not a member" for name in control_planes if name not in names]
    problems += [
        f"{name} is a member and no declared control plane" for name in sorted(names - set(control_planes)) if name
    ]
    return [check("etcd is healthy", SITE, "; ".join(problems), f"{len(members)} members")]


def request_checks(requests: list[dict[str, Any]]) -> list[Check]:
    """The latest request of every kubelet for a serving certificate has been granted."""
    serving = [item for item in requests if item["spec"]["signerName"] == "kubernetes.io/kubelet-serving"]
    latest: dict[str, dict[str, Any]] = {}
    for item in sorted(serving, key=lambda item: item["metadata"]["creationTimestamp"]):
        latest[item["spec"]["username"]] = item
    waiting = [user for user, item in latest.items() if not item["status"].get("certificate")]
    problem = f"without a serving certificate: {', '.join(sorted(waiting))}" if waiting else ""
    return [check("kubelets have certificates", SITE, problem, f"{len(latest)} kubelets")]


def probe_checks(answers: dict[str, dict[str, Any] | str], declared: list[str]) -> list[Check]:
    """Names resolve and services answer on every node; an answer that is a text is an error."""
    checks = []
    for name in declared:
        answer = answers.get(name, "no probe pod runs there")
        for key, title in (("dns", "names resolve"), ("service", "services answer")):
            ok, detail = (False, answer) if isinstance(answer, str) else answer[key]
            checks.append(check(title, name, "" if ok else detail, detail))
    return checks


def certificate_check(host: str, certificates: list[dict[str, Any]], days: int) -> Check:
    """No certificate of a host ends within the given days; the detail names the one that ends first."""
    if not certificates:
        return check("certificates are valid", host, "no certificate was found")
    first = min(certificates, key=lambda item: item["days_left"])
    text = f"{first['path']} ends in {first['days_left']} days"
    return check("certificates are valid", host, text if first["days_left"] < days else "", text)
