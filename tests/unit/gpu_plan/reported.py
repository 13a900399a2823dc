"""Answers of GPU hosts and of a cluster, for the capacity report."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.cluster import gpu_nodes, gpu_pods
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.note import note_patch
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.report import answer_of, report

Json = dict[str, Any]

NOW = "2026-01-01T00:00:00+00:00"
GPU, SMALL = "nvidia.com/gpu", "nvidia.com/mig-1g.5gb"
SEVENTH = [("1g.5gb", start) for start in range(7)]
MIXED = [("3g.20gb", 4), ("2g.10gb", 0), ("1g.5gb", 2), ("1g.5gb", 3)]


def card(host: str, index: int = 0, slices: list[tuple[str, int]] | None = None) -> Json:
    """Return a card as the module nvidia_gpus_info does, cut into (profile, start) or else whole."""
    name = f"{host}-{index}"
    cut = [
        {"profile": profile, "start": start, "uuid": f"MIG-{name}-{start}", "intact": True}
        for profile, start in slices or []
    ]
    return {"index": index, "uuid": f"GPU-{name}", "product": "a card", "mig": slices is not None, "slices": cut}


def answer(name: str, cards: list[Json], holders: dict[str, str] | None = None, **more: Any) -> Json:
    """Return the answer of a host with A100s."""
    return answer_of(
        **{"name": name, "model": "A100-40GB", "answer": {"cards": cards, "holders": holders or {}}, **more}
    )


def node(
    name: str,
    cards: list[Json] | None,
    offered: dict[str, int] | None = None,
    ready: bool = True,
    model: str = "A100-40GB",
) -> Json:
    """Return a Node of the API on which cards are noted, or none; resources without their prefix."""
    metadata = {"name": name}
    if cards is not None:
        metadata |= note_patch({"metadata": metadata}, model, cards)[0]["metadata"]
    allocatable = {"cpu": "4", **{f"nvidia.com/{key}": str(number) for key, number in (offered or {}).items()}}
    return {
        "metadata": {**metadata, "labels": {"nvidia.com/gpu.present": "true"}},
        "spec": {},
        "status": {
            "allocatable": allocatable,
            "conditions": [{"type": "Ready", "status": "True" if ready else "Unknown"}],
        },
    }


def pod(name: str, host: str, resource: str = SMALL, number: int = 1, **more: Any) -> Json:
    """Return a pod of the API whose UID is its name."""
    container = {"name": "main", "resources": {"requests": {resource: str(number)}, "limits": {resource: str(number)}}}
    return {
        "metadata": {"name": name, "namespace": "theory", "uid": name},
        "spec": {"nodeName": host, "containers": [container], **more},
        "status": {"phase": "Running"},
    }


def document(nodes: list[Json], answers: list[Json], pods: list[Json] | None = None) -> Json:
    """Return the report; the cluster's answers pass through JSON, as those of a module do."""
    told = json.loads(json.dumps([gpu_nodes(nodes), gpu_pods(pods or [])]))
    return report("lab", NOW, *told, answers)


def devices(report: Json, host: str, index: int = 0) -> list[Json]:
    """Return the devices of a host's card."""
    (found,) = [one for one in report["hosts"] if one["name"] == host]
    return list(next(card for card in found["cards"] if card["index"] == index)["devices"])


def big_site() -> Json:
    """Return the report of a site with something of everything."""
    many = [card("gpu-t4-1", index) for index in range(8)]
    rtx = [card("gpu-rtx5000-1", index) for index in range(5)]
    a30, seven = [card("gpu-a30-1")], [card("gpu-a100-1", 0, SEVENTH)]
    three = [card("gpu-a100-2", 0, SEVENTH), card("gpu-a100-2", 1, MIXED), card("gpu-a100-2", 2)]
    lost = [card("gpu-h100-1", 0, [("1g.10gb", 0), ("3g.40gb", 4)])]
    left = [{**seven[0], "slices": [one for one in seven[0]["slices"] if one["start"] != 3]}]
    broken = [{**one, "intact": one["start"] != 3} for one in three[1]["slices"]]
    broken[3]["profile"] = "1g.5gb+me"  # made by hand, and not noted
    holders = {f"MIG-gpu-a100-1-0-{start}": f"notebook-{start}" for start in (0, 1, 5)}
    holders |= {"MIG-gpu-a100-2-1-4": "training-of-a-large-model", "GPU-gpu-a100-2-2": "whole"}
    nodes = [
        node("gpu-t4-1", many, model="T4", offered={"gpu": 8}),
        node("gpu-rtx5000-1", rtx, model="RTX5000", offered={"gpu": 5}),
        node("gpu-a30-1", a30, model="A30", offered={"gpu": 1}),
        node("gpu-a100-1", seven, offered={"mig-1g.5gb": 6}),
        node("gpu-a100-2", three, offered={"gpu": 1, "mig-1g.5gb": 8, "mig-2g.10gb": 1, "mig-3g.20gb": 1}),
        node("gpu-h100-1", lost, ready=False, model="H100-80GB", offered={"mig-1g.10gb": 1, "mig-3g.40gb": 1}),
    ]
    pods = [pod(f"notebook-{start}", "gpu-a100-1") for start in (0, 1, 5)]
    pods += [
        pod("training-of-a-large-model", "gpu-a100-2", "nvidia.com/mig-3g.20gb"),
        pod("whole", "gpu-a100-2", GPU),
        pod("starting", "gpu-t4-1", GPU, 2),
    ]
    unreachable = {"unreachable": True, "msg": "Connection timed out"}
    answers = [
        answer("gpu-t4-1", many, model="T4", server="5e6f"),
        answer("gpu-rtx5000-1", rtx, model="RTX5000", server="5e6f"),
        answer("gpu-a30-1", a30, model="A30", server="77aa"),
        answer("gpu-a100-1", left, holders, server="77aa"),
        answer("gpu-a100-2", [three[0], {**three[1], "slices": broken}, three[2]], holders, server="90bc"),
        answer_of("gpu-h100-1", "H100-80GB", unreachable),
    ]
    return document(nodes, answers, pods)
