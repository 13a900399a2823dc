"""What was made of a host's cards is noted on its Node, and read back."""

from __future__ import annotations

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.note import (
    ANNOTATION,
    CUT,
    lost_slices,
    note_patch,
    read_note,
)

from tests.unit.gpu_plan.reported import MIXED, card


def noted(*cards: dict[str, object]) -> str:
    patch, _diff = note_patch({"metadata": {"name": "gpu-1"}}, "A100-40GB", cards)
    return str(patch["metadata"]["annotations"][ANNOTATION])


def test_a_note_is_read_as_it_was_written() -> None:
    note = read_note(noted(card("gpu-1", 0, [("1g.5gb", 3)]), card("gpu-1", 1)))
    assert note == {
        "model": "A100-40GB",
        "cards": [
            {
                "index": 0,
                "uuid": "GPU-gpu-1-0",
                "mig": True,
                "slices": [{"profile": "1g.5gb", "start": 3}],
            },
            {"index": 1, "uuid": "GPU-gpu-1-1", "mig": False, "slices": []},
        ],
    }


def test_a_node_that_has_its_note_and_labels_is_left_alone_and_nothing_else_of_one_is_touched() -> None:
    cards = [card("gpu-1", 0, MIXED)]
    others = {"labels": {"other": "label"}, "annotations": {"other": "note"}}
    patch, (diff,) = note_patch({"metadata": {"name": "gpu-1", **others}}, "A100-40GB", cards)
    assert set(patch) == {"metadata"} and set(patch["metadata"]) == {"labels", "annotations"}
    assert patch["metadata"]["labels"] == CUT and "other" not in diff["after"] and "3g.20gb" in diff["after"]
    node = {"name": "gpu-1", **{kind: others[kind] | patch["metadata"][kind] for kind in others}}
    assert note_patch({"metadata": node}, "A100-40GB", [dict(reversed(cards[0].items()))]) == ({}, [])
    node["labels"] = dict.fromkeys(CUT, "false")
    assert note_patch({"metadata": node}, "A100-40GB", cards)[0]["metadata"]["labels"] == CUT


def test_a_slice_that_no_pod_can_have_is_not_noted() -> None:
    cut = card("gpu-1", 0, [("1g.5gb", 0), ("1g.5gb", 1)])
    cut["slices"][1]["intact"] = False
    note = read_note(noted(cut))
    assert note and [one["start"] for one in note["cards"][0]["slices"]] == [0]


@pytest.mark.parametrize("text", [None, "", "{", "[]", "3", '{"model": "A30", "cards": [{"index": "x"}]}'])
def test_a_note_that_is_not_understood_is_none(text: str | None) -> None:
    assert read_note(text) is None


def test_slices_that_a_boot_has_made_elsewhere_on_the_card_are_not_lost() -> None:
    before = card("gpu-1", 0, [("3g.20gb", 4), ("1g.5gb", 0), ("1g.5gb", 1)])
    assert lost_slices(before, card("gpu-1", 0, [("3g.20gb", 0), ("1g.5gb", 4), ("1g.5gb", 5)])) == []
    (lost,) = lost_slices(before, card("gpu-1", 0, [("3g.20gb", 0), ("1g.5gb", 1)]))
    assert (lost["profile"], lost["start"]) == ("1g.5gb", 0)


def test_a_slice_made_anew_at_its_place_is_not_lost() -> None:
    before, now = card("gpu-1", 0, MIXED), card("other", 0, MIXED[:-1])
    assert [(one["profile"], one["start"]) for one in lost_slices(before, now)] == [("1g.5gb", 3)]
