"""The capacity report counts what answers and what Kubernetes offers, and names what is missing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.plugins.loader import filter_loader
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.cluster import gpu_nodes
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.report import answer_of, checks, lines

from tests.unit.gpu_plan.reported import (
    GPU,
    MIXED,
    SEVENTH,
    SMALL,
    answer,
    big_site,
    card,
    devices,
    document,
    node,
    pod,
)

HOST = "gpu-a100-1"
SEVEN = [card(HOST, 0, SEVENTH)]
OFFER = {"mig-1g.5gb": 7}


def without(cards: list[dict[str, Any]], start: int) -> list[dict[str, Any]]:
    return [{**cards[0], "slices": [one for one in cards[0]["slices"] if one["start"] != start]}]


def states(found: list[dict[str, Any]]) -> list[str]:
    return [one["state"] for one in found]


def test_one_card_is_one_card() -> None:
    found = document([node("gpu-1", [card("gpu-1")], offered={"gpu": 1})], [answer("gpu-1", [card("gpu-1")])])
    assert lines(found)[0] == "1 card, 1 GPU: 0 allocated, 1 idle"


def test_a_site_without_gpus_is_all_zeros() -> None:
    found = document([], [])
    assert (found["cards"], found["gpus"], found["allocated"], found["idle"]) == (0, 0, 0, 0)
    assert found["hosts"] == found["missing"] == found["problems"] == found["unplaced"] == []
    assert lines(found) == ["0 cards, 0 GPUs: 0 allocated, 0 idle"]


def test_a_host_as_it_was_made_has_no_problem_and_says_who_holds_what() -> None:
    holders = {f"MIG-{HOST}-0-2": "notebook", f"MIG-{HOST}-0-3": "ended"}
    found = document([node(HOST, SEVEN, offered=OFFER)], [answer(HOST, SEVEN, holders)], [pod("notebook", HOST)])
    assert (found["cards"], found["gpus"], found["allocated"], found["idle"]) == (1, 7, 1, 6)
    assert found["resources"] == {SMALL: {"offered": 7, "allocated": 1}}
    assert found["missing"] == found["problems"] == found["unplaced"] == []
    shown = devices(found, HOST)
    assert states(shown) == ["idle", "idle", "held", "idle", "idle", "idle", "idle"]
    assert shown[2] == {
        "resource": SMALL,
        "profile": "1g.5gb",
        "start": 2,
        "size": 1,
        "uuid": f"MIG-{HOST}-0-2",
        "state": "held",
        "pod": {"namespace": "theory", "name": "notebook"},
    }


def test_whole_cards_are_one_device_of_the_whole_size() -> None:
    cards = [card("gpu-a30-1")]
    found = document(
        [node("gpu-a30-1", cards, model="A30", offered={"gpu": 1})], [answer("gpu-a30-1", cards, model="A30")]
    )
    (whole,) = devices(found, "gpu-a30-1")
    assert (whole["resource"], whole["size"], whole["state"]) == (GPU, 4, "idle")
    assert found["problems"] == []


def test_a_slice_that_is_gone_is_named() -> None:
    found = document([node(HOST, SEVEN, offered=OFFER)], [answer(HOST, without(SEVEN, 3))])
    assert found["missing"] == [f"{HOST} card 0 1g.5gb@3"]
    gone, offer = found["problems"]
    assert found["missing"][0] in gone and "Remedy: run gpu.yml" in gone
    assert f"has 6 {SMALL}, its Node offers 7. Remedy: run gpu.yml." in offer
    assert states(devices(found, HOST)).count("missing") == 1


def test_a_card_that_does_not_answer_is_missing_with_all_its_slices() -> None:
    noted = [card(HOST, 0, MIXED), card(HOST, 1)]
    found = document([node(HOST, noted, offered={"mig-1g.5gb": 2})], [answer(HOST, [])])
    assert found["cards"] == 0
    assert found["missing"][0] == f"{HOST} card 0 (GPU-{HOST}-0)" and len(found["missing"]) == 1 + len(MIXED) + 1
    assert found["missing"][-1] == f"{HOST} card 1 (GPU-{HOST}-1)"


def test_a_card_that_was_cut_otherwise_misses_what_was_made() -> None:
    whole, cut = [card(HOST)], [card(HOST, 0, [("3g.20gb", 4)])]
    assert document([node(HOST, whole)], [answer(HOST, cut)])["missing"] == [f"{HOST} card 0 as a whole (GPU-{HOST}-0)"]
    assert document([node(HOST, cut)], [answer(HOST, whole)])["missing"] == [f"{HOST} card 0 3g.20gb@4"]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"unreachable": True, "msg": "Connection timed out."}, "cannot be reached: Connection timed out. Remedy:"),
        ({"msg": "no library. Remedy: install the driver."}, "do not answer: no library. Remedy: install the driver."),
        ({"msg": "broken"}, "do not answer: broken Remedy: run gpu.yml."),
        ({}, "was not asked. Remedy:"),
    ],
)
def test_a_host_without_an_answer_is_told_why_and_its_cards_are_missing(told: dict[str, Any], words: str) -> None:
    found = document([node(HOST, SEVEN, offered=OFFER)], [answer_of(HOST, "A100-40GB", told)], [pod("notebook", HOST)])
    assert (found["cards"], found["gpus"], len(found["missing"])) == (0, 7, 8)
    assert len(found["problems"]) == 1 and words in found["problems"][0]
    assert found["unplaced"] == [
        {"namespace": "theory", "name": "notebook", "node": HOST, "resource": SMALL, "number": 1}
    ]


def test_a_node_that_is_not_ready_offers_nothing() -> None:
    found = document([node(HOST, SEVEN, ready=False, offered=OFFER)], [answer(HOST, SEVEN)], [pod("left", HOST)])
    assert (found["cards"], found["gpus"], found["allocated"], found["idle"]) == (1, 0, 1, 0)
    assert set(states(devices(found, HOST))) == {"not offered"}
    assert found["problems"] == [
        f"{HOST}: its Node is not ready, so its 7 GPUs do not count. Remedy: see journalctl -u kubelet."
    ]


def test_what_the_device_plugin_does_not_know_is_a_problem() -> None:
    (text,) = document([node(HOST, SEVEN)], [answer(HOST, SEVEN)])["problems"]
    assert f"the host has 7 {SMALL}, its Node offers 0" in text and "nvidia-device-plugin" in text


def test_a_slice_without_its_compute_instance_is_not_offered() -> None:
    cards = [card(HOST, 0, SEVENTH)]
    cards[0]["slices"][6].update(intact=False, uuid="")
    found = document([node(HOST, cards, offered={"mig-1g.5gb": 6})], [answer(HOST, cards)])
    assert devices(found, HOST)[6]["state"] == "not offered"
    (text,) = found["problems"]
    assert "1g.5gb@6" in text


def test_a_slice_that_lost_its_compute_instance_is_missing_once() -> None:
    cards = [{**SEVEN[0], "slices": [{**one, "intact": one["start"] != 3} for one in SEVEN[0]["slices"]]}]
    found = document([node(HOST, SEVEN, offered={"mig-1g.5gb": 6})], [answer(HOST, cards)])
    assert states(devices(found, HOST)).count("missing") == 1 and len(devices(found, HOST)) == 7
    assert found["missing"] == [f"{HOST} card 0 1g.5gb@3"]
    assert any("compute instance" in text for text in found["problems"])


def test_hosts_without_a_note_and_hosts_without_a_node_are_problems() -> None:
    (unnoted,) = document([node(HOST, None, offered=OFFER)], [answer(HOST, SEVEN)])["problems"]
    assert "not noted" in unnoted
    (absent,) = document([], [answer(HOST, SEVEN)])["problems"]
    assert "no such Node" in absent


def test_a_node_that_no_host_answers_for_is_in_the_report() -> None:
    found = document([node("stranger", None, offered=OFFER)], [])
    assert (found["gpus"], [host["name"] for host in found["hosts"]]) == (7, ["stranger"])
    assert "group gpu" in found["problems"][0]


def test_what_the_kubelet_has_not_noted_yet_is_unplaced() -> None:
    holders = {f"MIG-{HOST}-0-0": "two"}
    found = document([node(HOST, SEVEN, offered=OFFER)], [answer(HOST, SEVEN, holders)], [pod("two", HOST, SMALL, 2)])
    assert [(one["name"], one["number"]) for one in found["unplaced"]] == [("two", 1)]


def test_the_text_has_totals_hosts_and_what_is_wrong() -> None:
    text = lines(big_site())
    assert text[0] == "18 cards, 31 GPUs: 7 allocated, 24 idle"
    assert any(line.split() == ["gpu-a100-1", "A100-40GB", "1", "6", "3", "3"] for line in text)
    assert any(line.startswith("problem: gpu-h100-1: cannot be reached") for line in text)


def test_the_status_check_is_ok_where_the_node_offers_what_was_made() -> None:
    (check,) = checks(gpu_nodes([node(HOST, SEVEN, offered=OFFER)]), [answer(HOST, SEVEN)])
    assert check == {
        "layer": "gpu",
        "check": "GPUs are offered as made",
        "host": HOST,
        "ok": True,
        "detail": f"7 x {SMALL}",
    }


def test_the_status_check_names_the_missing_slice() -> None:
    (check,) = checks(gpu_nodes([node(HOST, SEVEN, offered=OFFER)]), [answer(HOST, without(SEVEN, 3))])
    assert not check["ok"] and f"{HOST} card 0 1g.5gb@3" in check["detail"]


def test_the_filter_takes_the_answers_from_the_hosts_variables() -> None:
    asked = {"inventory_hostname": HOST, "gpu_model": "A100-40GB", "seen": {"cards": SEVEN, "holders": {}}}
    variables = [asked, {"inventory_hostname": "other", "seen": {"msg": "broken"}}, {"inventory_hostname": "skipped"}]
    answers = filter_loader.get("ai_infn.platform.gpu_answers").j2_function(variables, "seen")
    assert [(one["name"], one["model"], sorted(one["answer"])) for one in answers] == [
        (HOST, "A100-40GB", ["cards", "holders"]),
        ("other", "", ["msg"]),
        ("skipped", "", []),
    ]
