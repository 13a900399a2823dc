# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What gpu.yml made of a host's cards, noted on the host's Node. Pure: no I/O.

An inventory may have been edited since and not been applied; the note says what there was: ``{"model": "A100-40GB",
"cards": [{"index": 0, "uuid": "GPU-..", "mig": true, "slices": [{"profile": "1g.5gb", "start": 0}, ...]}, ...]}``.
UUIDs of slices are not in it, since those made again at a boot have others.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Optional

ANNOTATION = "platform.ai-infn.it/gpus"
CUT = {"nvidia.com/gpu.deploy.device-plugin": "true", "nvidia.com/gpu.deploy.gpu-feature-discovery": "true"}
"""Labels of a Node whose cards are driven and cut, by the names of NVIDIA's operator: only there they are looked at."""


def note_of(model: str, cards: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the note of cards as the module nvidia_gpus_info returns them. Only slices that are offered are in it."""
    noted = [
        {
            "index": card["index"],
            "uuid": card["uuid"],
            "mig": card["mig"],
            "slices": [{"profile": one["profile"], "start": one["start"]} for one in card["slices"] if one["intact"]],
        }
        for card in cards
    ]
    return {"model": model, "cards": noted}


def note_patch(
    node: Mapping[str, Any], model: str, cards: Iterable[Mapping[str, Any]]
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Return the merge patch that gives a Node its note and labels, empty where it has them, and Ansible's diff."""
    text = json.dumps(note_of(model, cards), sort_keys=True, separators=(",", ":"))
    wanted = {"labels": CUT, "annotations": {ANNOTATION: text}}
    found = {kind: {key: node["metadata"].get(kind, {}).get(key) for key in values} for kind, values in wanted.items()}
    if found == wanted:
        return {}, []
    name = node["metadata"]["name"]
    before, after = (json.dumps(value, indent=1, sort_keys=True) + "\n" for value in (found, wanted))
    return {"metadata": wanted}, [{"before_header": name, "after_header": name, "before": before, "after": after}]


def read_note(text: Optional[str]) -> Optional[dict[str, Any]]:
    """Return the note in an annotation; None where there is none, or one that is not understood."""
    try:
        note = json.loads(text or "")
        cards = [
            {
                "index": int(card["index"]),
                "uuid": str(card["uuid"]),
                "mig": bool(card["mig"]),
                "slices": [{"profile": str(one["profile"]), "start": int(one["start"])} for one in card["slices"]],
            }
            for card in note["cards"]
        ]
        return {"model": str(note["model"]), "cards": cards}
    except (ValueError, KeyError, TypeError):
        return None


def lost_slices(noted: Mapping[str, Any], card: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the noted slices of which a card has fewer now. Those made again at a boot may lie elsewhere on it."""
    there = [(one["profile"], one["start"]) for one in card["slices"] if one["intact"]]
    fewer = Counter(one["profile"] for one in noted["slices"]) - Counter(profile for profile, start in there)
    lost = []
    for one in noted["slices"]:
        if (one["profile"], one["start"]) not in there and fewer[one["profile"]] > 0:
            fewer[one["profile"]] -= 1
            lost.append(one)
    return lost
