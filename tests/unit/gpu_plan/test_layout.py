"""A declared layout is resolved card by card, or refused with what was found, what is allowed and the remedy."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.cards import WHOLE, Wanted
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.layout import (
    Declared,
    LayoutError,
    declared,
    found_problems,
    layout_problems,
    resolve,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.profiles import MODELS
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.slices import profile_named

from tests.support import ROOT

SEVEN = Wanted(True, ("1g.5gb",) * 7)
MIXED = Wanted(True, ("3g.20gb", "2g.10gb", "1g.5gb", "1g.5gb"))


def a100(layout: Any, count: Any = 3) -> Declared:
    return Declared("gpu", "A100-40GB", count, layout)


def only_problem(host: Declared) -> str:
    problems = layout_problems(host)
    assert len(problems) == 1, problems
    with pytest.raises(LayoutError) as caught:
        resolve(host)
    assert caught.value.problems == problems
    return problems[0]


@pytest.mark.parametrize("slices", ["all-1g.5gb", "all-1g", {"1g.5gb": 7}, ["1g.5gb"] * 7, ["1g"] * 7])
def test_seven_slices_are_declared_by_name_number_or_list(slices: Any) -> None:
    assert resolve(a100([{"cards": "all", "slices": slices}])) == {0: SEVEN, 1: SEVEN, 2: SEVEN}


@pytest.mark.parametrize(
    "slices",
    [
        ["1g.5gb", "3g.20gb", "1g.5gb", "2g.10gb"],
        ["3g", "2g", "1g", "1g"],
        {"1g": 2, "2g.10gb": 1, "3g": 1},
        "all-balanced",
    ],
)
def test_a_mixed_layout_is_the_same_in_any_spelling_and_order(slices: Any) -> None:
    assert resolve(a100([{"slices": slices}], 1)) == {0: MIXED}


@pytest.mark.parametrize("model", [name for name in MODELS if MODELS[name].profiles])
def test_every_all_name_fills_a_card_as_often_as_the_profile_fits(model: str) -> None:
    for name, profile in MODELS[model].profiles.items():
        wanted = Wanted(True, (name,) * profile.instances)
        for spelling in {f"all-{name}", f"all-{name.replace('+', '.')}"}:
            assert resolve(Declared("gpu", model, 1, spelling)) == {0: wanted}


@pytest.mark.parametrize(
    ("model", "expected"),
    [("A30", "2g.12gb 1g.6gb 1g.6gb"), ("H100-80GB", "3g.40gb 2g.20gb 1g.10gb 1g.10gb")],
)
def test_a_balanced_card_has_slices_of_each_size(model: str, expected: str) -> None:
    assert resolve(Declared("gpu", model, 1, "all-balanced")) == {0: Wanted(True, tuple(expected.split()))}


@pytest.mark.parametrize(
    ("model", "name", "expected"),
    [
        ("A100-40GB", "1g", "1g.5gb"),
        ("A100-80GB", "1g", "1g.10gb"),
        ("H100-80GB", "3g", "3g.40gb"),
        ("A30", "2g", "2g.12gb"),
        ("A30", "2g.12gb.me", "2g.12gb+me"),
        ("A30", "2g.12gb+me", "2g.12gb+me"),
    ],
)
def test_a_name_without_memory_is_the_smallest_profile_without_media_extensions(
    model: str, name: str, expected: str
) -> None:
    profile = profile_named(MODELS[model].profiles, name)
    assert profile is not None and profile.name == expected
    backwards = dict(reversed(MODELS[model].profiles.items()))
    assert profile_named(backwards, name) == profile


@pytest.mark.parametrize("off", ["off", False, "all-disabled"])
@pytest.mark.parametrize("model", ["A30", "T4"])
def test_off_is_off_as_yaml_reads_it_too(model: str, off: Any) -> None:
    assert resolve(Declared("gpu", model, 1, off)) == {0: WHOLE}
    assert resolve(Declared("gpu", model, 1, [{"slices": off}])) == {0: WHOLE}


def test_cards_without_an_entry_are_whole() -> None:
    layout = [{"cards": [2], "slices": "all-1g.5gb", "model": "A100-40GB"}, {"cards": [0], "slices": "all-balanced"}]
    assert resolve(a100(layout)) == {0: MIXED, 1: WHOLE, 2: SEVEN}
    assert resolve(Declared("gpu", "T4", 8)) == dict.fromkeys(range(8), WHOLE)


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        (
            Declared("gpu", "A100", 1),
            "gpu: gpu_model: found A100. Closest: A100-80GB or A100-40GB. Allowed: T4, RTX5000, A30, A100-40GB,"
            " A100-80GB, H100-80GB. Remedy: correct it.",
        ),
        (
            Declared("gpu", ["T4", "RTX5000"], 2),
            "gpu: found cards of 2 models (T4, RTX5000). Allowed: one, since device plugin and feature discovery cannot"
            " tell them apart. Remedy: give each model a virtual machine of its own.",
        ),
        (
            Declared("gpu", "T4", 0),
            "gpu: gpu_count: found 0. Allowed: a whole number from 1 on. Remedy: correct it.",
        ),
        (
            Declared("gpu", "T4", True),
            "gpu: gpu_count: found True. Allowed: a whole number from 1 on. Remedy: correct it.",
        ),
        (
            Declared("gpu", "T4", "8"),
            "gpu: gpu_count: found '8'. Allowed: a whole number from 1 on. Remedy: correct it.",
        ),
        (
            Declared("gpu", "T4", 8, "all-1g.5gb"),
            "gpu: gpu_layout: found slices all-1g.5gb on cards of model T4, which have no MIG. Allowed: off."
            " Remedy: remove the layout, or move it to a host whose cards have MIG.",
        ),
        (
            a100("all-1g.6gb"),
            "gpu: gpu_layout: found profile 1g.6gb, which an A100-40GB has not got. Closest: 1g.5gb or 1g.10gb."
            " Allowed: 1g.5gb, 1g.5gb+me, 1g.10gb, 2g.10gb, 3g.20gb, 4g.20gb, 7g.40gb. Remedy: correct slices.",
        ),
        (
            a100([{"slices": {"1g.5gb": 8}}]),
            "gpu: gpu_layout entry 1: found slices 8 x 1g.5gb, which do not fit on an A100-40GB: at most 7 of 1g.5gb"
            " fit. Allowed: 7 x 1g.5gb. Remedy: declare fewer or smaller slices.",
        ),
        (
            a100([{"slices": ["3g.20gb", "3g.20gb", "1g.5gb"]}]),
            "gpu: gpu_layout entry 1: found slices 2 x 3g.20gb, 1g.5gb, which do not fit on an A100-40GB: they take 9"
            " memory slices, the card has 8. Allowed: 2 x 3g.20gb. Remedy: declare fewer or smaller slices.",
        ),
        (
            a100([{"slices": ["4g.20gb", "2g.10gb", "2g.10gb"]}]),
            "gpu: gpu_layout entry 1: found slices 4g.20gb, 2 x 2g.10gb, which do not fit on an A100-40GB: they overlap"
            " wherever they are placed (possible starts: 4g.20gb at 0; 2g.10gb at 0, 2, 4). Allowed: 4g.20gb, 2g.10gb."
            " Remedy: declare fewer or smaller slices.",
        ),
        (
            a100([{"slices": {"1g.5gb+me": 2}}]),
            "gpu: gpu_layout entry 1: found slices 2 x 1g.5gb+me, which do not fit on an A100-40GB: media extensions"
            " (+me) are there once on a card. Allowed: 1g.5gb+me. Remedy: declare fewer or smaller slices.",
        ),
        (
            Declared("gpu", "A30", 1, [{"slices": ["2g.12gb+me", "1g.6gb+me"]}]),
            "gpu: gpu_layout entry 1: found slices 2g.12gb+me, 1g.6gb+me, which do not fit on an A30: media extensions"
            " (+me) are there once on a card. Allowed: 2g.12gb+me. Remedy: declare fewer or smaller slices.",
        ),
        (
            a100([{"cards": [0, 3], "slices": "all-1g"}]),
            "gpu: gpu_layout entry 1: found card 3. Allowed: 0 to 2. Remedy: correct cards, or gpu_count.",
        ),
        (
            a100([{"cards": [-1], "slices": "all-1g"}]),
            "gpu: gpu_layout entry 1: found card -1. Allowed: 0 to 2. Remedy: correct cards, or gpu_count.",
        ),
        (
            a100([{"cards": [1, 1], "slices": "all-1g"}]),
            "gpu: gpu_layout entry 1: found card 1 twice. Allowed: once. Remedy: correct cards.",
        ),
        (
            a100([{"slices": "off"}, {"cards": [1, 2], "slices": "all-1g"}]),
            "gpu: gpu_layout entry 2: found card 1, 2, which has a layout by gpu_layout entry 1 already."
            " Allowed: one for each card. Remedy: remove it from one of them.",
        ),
        (
            a100([{"model": "A30", "slices": "all-1g.6gb"}]),
            "gpu: gpu_layout entry 1: found a layout for A30. The host has: A100-40GB."
            " Remedy: move it to a host that has A30.",
        ),
        (
            a100([{"model": "A100-40", "slices": "all-1g"}]),
            "gpu: gpu_layout entry 1: found model A100-40. Closest: A100-40GB or A100-80GB. Allowed: T4, RTX5000, A30,"
            " A100-40GB, A100-80GB, H100-80GB. Remedy: correct it.",
        ),
        (
            a100([{"card": [0], "slices": "all-1g"}]),
            "gpu: gpu_layout entry 1: found card. Closest: cards. Allowed: cards, model, slices. Remedy: correct it.",
        ),
        (
            a100([{"cards": [0]}]),
            "gpu: gpu_layout entry 1: found no slices. Needed: off, all-<profile> or a list of profiles."
            " Remedy: add slices.",
        ),
        (
            a100([{"cards": 0, "slices": "all-1g"}]),
            "gpu: gpu_layout entry 1: found cards 0. Allowed: all, or a list of indices. Remedy: correct it.",
        ),
        (
            a100({"all": "1g.5gb"}),
            "gpu: gpu_layout: found {'all': '1g.5gb'}. Allowed: a name such as all-1g.5gb, or a list of entries with"
            " cards, model, slices. Remedy: correct it.",
        ),
        (
            a100(["1g.5gb"]),
            "gpu: gpu_layout entry 1: found '1g.5gb'. Needed: an entry with cards, model, slices. Remedy: correct it.",
        ),
        (
            a100([{"slices": {"1g.5gb": "7"}}]),
            "gpu: gpu_layout entry 1: found '7' of slices 1g.5gb. Needed: a number from 1 on. Remedy: correct it.",
        ),
        (
            a100([{"slices": {"1g.5gb": 0}}]),
            "gpu: gpu_layout entry 1: found 0 of slices 1g.5gb. Needed: a number from 1 on. Remedy: correct it.",
        ),
        (
            a100([{"slices": [7]}]),
            "gpu: gpu_layout entry 1: found 7 among slices. Needed: a profile. Remedy: correct it.",
        ),
        (
            a100([{"slices": 7}]),
            "gpu: gpu_layout entry 1: found slices 7. Allowed: off, all-<profile>, all-balanced, a list of profiles, or"
            " numbers by profile. Remedy: correct slices.",
        ),
        (
            a100("1g.5gb"),
            "gpu: gpu_layout: found slices 1g.5gb. Closest: all-1g.5gb or all-1g.5gb+me. Allowed: off, all-<profile>,"
            " all-balanced, a list of profiles, or numbers by profile. Remedy: correct slices.",
        ),
    ],
)
def test_a_wrong_declaration_is_said_in_one_sentence(host: Declared, sentence: str) -> None:
    assert only_problem(host) == sentence


@pytest.mark.parametrize("slices", [True, "on", "all-enabled", [], {}])
def test_mig_without_slices_is_refused_since_the_host_would_offer_nothing(slices: Any) -> None:
    assert "MIG on without slices" in only_problem(a100([{"slices": slices}]))


def test_all_problems_of_a_host_are_said_at_once() -> None:
    layout = [
        {"cards": [0], "slices": ["1g.7gb", "9g"]},
        {"cards": [0, 7], "slices": {"3g.20gb": 3}},
        {"model": "T4", "slices": "off"},
    ]
    found = "\n".join(layout_problems(a100(layout, 2)))
    for text in ("1g.7gb", "9g", "card 7", "3 x 3g.20gb", "card 0, which has", "found a layout for T4"):
        assert text in found, text
    assert len(layout_problems(Declared("gpu", None, None, 5))) == 3


def test_cards_and_slices_are_checked_as_far_as_can_be_where_model_or_number_is_wrong() -> None:
    assert ["card -1" in text for text in layout_problems(a100([{"cards": [-1], "slices": "off"}], None))] == [
        False,
        True,
    ]
    assert len(layout_problems(Declared("gpu", "A1000", 1, [{"cards": [4], "slices": "all-9g"}]))) == 2


def test_variables_without_a_gpu_declare_nothing() -> None:
    assert declared({"inventory_hostname": "control-1"}) is None
    assert declared({"inventory_hostname": "gpu", "gpu_layout": "off"}) == Declared("gpu", None, None, "off")


def test_cards_of_the_declared_model_and_number_are_no_problem() -> None:
    host = Declared("gpu", "T4", 2)
    assert found_problems(host, ["Tesla T4", "Tesla T4"]) == []
    assert found_problems(a100(None, 1), ["NVIDIA A100-SXM4-40GB"]) == []


def test_two_models_in_one_host_are_refused_as_found() -> None:
    host = Declared("gpu", "T4", 2)
    assert "2 models (Quadro RTX 5000, Tesla T4)" in "".join(found_problems(host, ["Tesla T4", "Quadro RTX 5000"]))
    assert found_problems(host, ["Quadro RTX 5000"] * 2) == [
        "gpu: found cards of model RTX5000. Declared: T4. Remedy: correct gpu_model."
    ]
    assert ["number of cards: found 1. Declared: 2." in text for text in found_problems(host, ["Tesla T4"])] == [True]


def test_the_option_for_the_model_names_every_model_there_is() -> None:
    specs = yaml.safe_load((ROOT / "roles/gpu_defaults/meta/argument_specs.yml").read_text())["argument_specs"]
    assert specs["options"]["options"]["gpu_model"]["choices"] == ["", *MODELS]
