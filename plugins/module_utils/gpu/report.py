# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The capacity report: what a site has of GPUs, what of it Kubernetes offers, and who holds it. Pure: no I/O.

``nodes`` and ``pods`` are what the module kubernetes_gpus_info returns. An answer of a host is ``{"name", "model",
"server", "cards", "holders"}`` with what the module nvidia_gpus_info returned, or ``{"name", "model", "server",
"error"}`` with why it did not, and ``"unreachable": true`` where the host itself gave none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Optional

from .shown import HELD, View, has, missing_names, several, shown_cards

Json = Mapping[str, Any]

NOT_ASKED = "was not asked. Remedy: have it in group gpu, and run this without --limit."
REPLUG = "delete the node's pod of DaemonSet nvidia-device-plugin in kube-system; it looks at the cards when it starts"


def answer_of(name: str, model: str, answer: Json, server: str = "") -> dict[str, Any]:
    """Return a host's answer from the result of the module nvidia_gpus_info; an empty one was not asked."""
    told = {"name": name, "model": model, "server": server}
    if "cards" in answer:
        return {**told, "cards": answer["cards"], "holders": answer.get("holders") or {}}
    error = str(answer.get("msg") or "no reason given") if answer else NOT_ASKED
    return {**told, "error": error, "unreachable": bool(answer.get("unreachable"))}


def report(
    site: str, time: str, nodes: Iterable[Json], pods: Iterable[Json], answers: Iterable[Json]
) -> dict[str, Any]:
    """Return the document.

    ``cards`` counts those that answer, ``gpus`` what ready Nodes offer of what their hosts have, ``allocated`` what
    pods have asked for, and ``idle`` what is left of the GPUs of each ready Node.
    """
    found = {node["name"]: node for node in nodes}
    living = {pod["uid"]: pod for pod in pods}
    asked = {answer["name"]: answer for answer in answers}
    others = [{"name": name, "error": NOT_ASKED} for name in found if name not in asked]
    hosts = [_host(answer, found.get(answer["name"]), living) for answer in [*asked.values(), *others]]
    offered = _sum(host["resources"] for host in hosts)
    allocated = _sum(pod["requests"] for pod in living.values())
    problems = [text for answer in [*asked.values(), *others] for text in _problems(answer, found.get(answer["name"]))]
    return {
        "site": site,
        "time": time,
        "cards": sum(len(answer.get("cards", [])) for answer in asked.values()),
        "gpus": sum(offered.values()),
        "allocated": sum(allocated.values()),
        "idle": sum(host["idle"] for host in hosts),
        "resources": {
            name: {"offered": offered[name], "allocated": allocated[name]} for name in sorted({*offered, *allocated})
        },
        "missing": [name for host in hosts for name in missing_names(host["name"], host["cards"])],
        "problems": problems,
        "unplaced": list(_unplaced(living.values(), hosts)),
        "hosts": hosts,
    }


def checks(nodes: Iterable[Json], answers: Iterable[Json]) -> list[dict[str, Any]]:
    """Return for each host the status check that Kubernetes offers of it what was made."""
    found = {node["name"]: node for node in nodes}
    result = []
    for answer in answers:
        node = found.get(answer["name"])
        problems = [text.removeprefix(f"{answer['name']}: ") for text in _problems(answer, node)]
        offer = ", ".join(f"{number} x {name}" for name, number in node["allocatable"].items()) if node else ""
        result.append(
            {
                "layer": "gpu",
                "check": "GPUs are offered as made",
                "host": answer["name"],
                "ok": not problems,
                "detail": " ".join(problems) or offer or "none were made",
            }
        )
    return result


def lines(document: Json) -> list[str]:
    """Return the document as a short text: totals, a line for each host, and what is wrong."""
    there = f"{several(document['cards'], 'card')}, {several(document['gpus'], 'GPU')}"
    totals = f"{there}: {document['allocated']} allocated, {document['idle']} idle"
    rows = [("host", "model", "cards", "GPUs", "allocated", "idle")]
    for host in document["hosts"]:
        numbers = (host["answering"], host["gpus"], host["allocated"], host["idle"])
        rows.append((host["name"], host["model"], *map(str, numbers)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = [
        "  ".join(
            text.ljust(width) if column < 2 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    wrong = [f"missing: {text}" for text in document["missing"]] + [f"problem: {text}" for text in document["problems"]]
    return [totals, *(table if document["hosts"] else []), *wrong]


def _host(answer: Json, node: Optional[Json], living: Mapping[str, Json]) -> dict[str, Any]:
    name, cards = answer["name"], answer.get("cards") or []
    noted = (node["noted"] if node else None) or {"model": "", "cards": []}
    ready = bool(node and node["ready"])
    offered = _offered(answer, node) if node and ready else Counter()
    asked = _sum(pod["requests"] for pod in living.values() if pod["node"] == name)
    model = answer.get("model") or noted["model"]
    view = View(model, answer.get("holders") or {}, living, offered)
    return {
        "name": name,
        "server": answer.get("server") or "",
        "model": model,
        "product": cards[0]["product"] if cards else "",
        "answers": "cards" in answer,
        "ready": ready,
        "schedulable": bool(node and node["schedulable"]),
        "answering": len(cards),
        "gpus": sum(offered.values()),
        "resources": dict(sorted(offered.items())),
        "allocated": sum(asked.values()),
        "idle": sum((offered - asked).values()),
        "cards": shown_cards(cards, noted["cards"], view),
    }


def _offered(answer: Json, node: Json) -> Counter[str]:
    """Return what a Node offers of what its host has: the device plugin does not notice that a slice is gone."""
    offered = Counter(node["allocatable"])
    return offered & has(answer["cards"]) if "cards" in answer else offered


def _problems(answer: Json, node: Optional[Json]) -> Iterator[str]:
    """Yield what is wrong with a host, each with its remedy."""
    name = answer["name"]
    if "cards" not in answer:
        yield f"{name}: {_silence(answer)}"
    if node is None:
        yield f"{name}: the cluster has no such Node with GPUs. Remedy: run site.yml."
        return
    if not node["ready"]:
        number = sum(node["allocatable"].values())
        yield f"{name}: its Node is not ready, so its {number} GPUs do not count. Remedy: see journalctl -u kubelet."
    if node["noted"] is None:
        yield f"{name}: what was made of its cards is not noted. Remedy: run gpu.yml."
    if "cards" in answer:
        yield from _differences(answer, node)


def _differences(answer: Json, node: Json) -> Iterator[str]:
    """Yield how a host's cards differ from what was noted of them, and from what its Node offers."""
    name, cards = answer["name"], answer["cards"]
    noted = (node["noted"] or {}).get("cards", [])
    missing = missing_names(name, shown_cards(cards, noted, View(answer.get("model", ""), {}, {}, {})))
    if missing:
        yield (
            f"{name}: no longer there as gpu.yml made it: {'; '.join(missing)}."
            " Remedy: run gpu.yml; for a card that does not answer see lspci and dmesg."
        )
    for card in cards:
        broken = [f"{one['profile']}@{one['start']}" for one in card["slices"] if not one["intact"]]
        if broken:
            yield (
                f"{name}: card {card['index']} {', '.join(broken)} has not one compute instance over all of it, so no"
                " pod can have it. Remedy: run gpu.yml."
            )
    present, offered = has(cards), Counter(node["allocatable"])
    for resource in sorted({*present, *offered}):
        if present[resource] != offered[resource]:
            yield (
                f"{name}: the host has {present[resource]} {resource}, its Node offers {offered[resource]}. Remedy:"
                f" {'run gpu.yml' if missing else REPLUG}."
            )


def _silence(answer: Json) -> str:
    error = str(answer.get("error") or NOT_ASKED)
    if error == NOT_ASKED:
        return error
    if answer.get("unreachable"):
        return f"cannot be reached: {error.rstrip('. ')}. Remedy: start it, or remove it with remove_node.yml."
    return f"its cards do not answer: {error}" + ("" if "Remedy:" in error else " Remedy: run gpu.yml.")


def _unplaced(pods: Iterable[Json], hosts: Iterable[Json]) -> Iterator[dict[str, Any]]:
    """Yield what pods asked for and no device is known to be given to them: not yet, or their host does not answer."""
    given: Counter[tuple[str, str, str]] = Counter(
        (one["pod"]["namespace"], one["pod"]["name"], one["resource"])
        for host in hosts
        for card in host["cards"]
        for one in card["devices"]
        if one["state"] == HELD
    )
    for pod in pods:
        for resource, number in pod["requests"].items():
            left = number - given[pod["namespace"], pod["name"], resource]
            if left > 0:
                yield {**{key: pod[key] for key in ("namespace", "name", "node")}, "resource": resource, "number": left}


def _sum(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total
