"""The table of each card model says what a card does, and agrees with NVIDIA's own listings."""

from __future__ import annotations

from collections import Counter

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.placement import fits, place, span
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.plan import differences, make_plan
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.profiles import MODELS, Profile

from tests.unit.gpu_plan.simulator import Simulator, card, configurations, cut

CUTTABLE = [name for name, model in MODELS.items() if model.profiles]
ENTRIES = [(model, profile) for model in CUTTABLE for profile in MODELS[model].profiles.values()]
STARTS = [(model, profile, start) for model, profile in ENTRIES for start in profile.starts]

SEVEN = "19:0,1,2,3,4,5,6:1 20:0,1,2,3,4,5,6:1 15:0,2,4,6:2 14:0,2,4:2 9:0,4:4 5:0:4 0:0:8"
FOUR = "14:0,1,2,3:1 21:0,1,2,3:1 5:0,2:2 6:0,2:2 0:0:4"
LISTED = {"A30": FOUR, "A100-40GB": SEVEN, "A100-80GB": SEVEN, "H100-80GB": SEVEN}
"""ID, starts and size of each profile as ``nvidia-smi mig -lgipp`` prints them (MIG User Guide, "List GPU Instance
Profiles"), in the order of its ``-lgip``."""

NAMES = {
    "A30": "1g.6gb 1g.6gb+me 2g.12gb 2g.12gb+me 4g.24gb",
    "A100-40GB": "1g.5gb 1g.5gb+me 1g.10gb 2g.10gb 3g.20gb 4g.20gb 7g.40gb",
    "A100-80GB": "1g.10gb 1g.10gb+me 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb",
    "H100-80GB": "1g.10gb 1g.10gb+me 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb",
}
NUMBERS = {"A30": (4, 1, 2, 1, 1), **dict.fromkeys(["A100-40GB", "A100-80GB", "H100-80GB"], (7, 1, 4, 3, 2, 1, 1))}
"""Column "Number of Instances Available" of the guide's "Supported MIG Profiles", in the same order."""

KINDS = {"1g": 0, "2g": 1, "3g": 2, "4g": 3, "7g": 4, "1g+me": 7, "2g+me": 8, "1g wide": 9}
"""NVML_GPU_INSTANCE_PROFILE_* of nvml.h: those that end in SLICE, then 1_SLICE_REV1, 2_SLICE_REV1, 1_SLICE_REV2."""


def label(value: object) -> str:
    return value.name if isinstance(value, Profile) else str(value)


@pytest.mark.parametrize("model", CUTTABLE)
def test_identifiers_starts_and_sizes_are_those_that_nvidia_smi_lists(model: str) -> None:
    table = MODELS[model].profiles
    shown = [f"{p.identifier}:{','.join(map(str, p.starts))}:{p.size}" for p in table.values()]
    assert " ".join(shown) == LISTED[model]
    assert " ".join(table) == NAMES[model] and all(name == profile.name for name, profile in table.items())
    assert tuple(profile.instances for profile in table.values()) == NUMBERS[model]


@pytest.mark.parametrize(("model", "profile"), ENTRIES, ids=label)
def test_a_profile_is_asked_for_by_the_constant_of_its_slices(model: str, profile: Profile) -> None:
    smallest = min(p.size for p in MODELS[model].profiles.values())
    wide = profile.slices == 1 and profile.size > smallest
    key = profile.name.split(".")[0] + ("+me" if profile.has_media_extensions else " wide" if wide else "")
    assert profile.kind == KINDS[key]
    assert profile.slices == int(profile.name[0])


@pytest.mark.parametrize(("model", "profile", "start"), STARTS, ids=label)
def test_a_profile_can_be_created_alone_at_each_start(model: str, profile: Profile, start: int) -> None:
    taken = sum(1 << at for at in range(8) if at not in range(start, start + profile.size))
    assert place((profile,), taken) == ((profile, start),)
    assert place((profile,), taken | 1 << start) is None
    present = card(model, [(profile.name, start)])
    assert make_plan(MODELS[model].profiles, [present], {0: cut(MODELS[model].profiles, [profile.name])}).steps == ()


@pytest.mark.parametrize(("model", "profile"), ENTRIES, ids=label)
def test_as_many_of_a_profile_fit_as_its_limit_says_and_no_more(model: str, profile: Profile) -> None:
    assert fits((profile,) * profile.instances)
    assert not fits((profile,) * (profile.instances + 1))
    host = Simulator([card(model, [])])
    wanted = {0: cut(MODELS[model].profiles, [profile.name] * profile.instances)}
    host.run(make_plan(MODELS[model].profiles, host.cards.values(), wanted).steps)
    assert differences(host.cards.values(), wanted) == []
    with pytest.raises(ValueError, match="than a card can have"):
        make_plan(
            MODELS[model].profiles,
            [card(model, [])],
            {0: cut(MODELS[model].profiles, [profile.name] * (profile.instances + 1))},
        )


@pytest.mark.parametrize("model", CUTTABLE)
def test_no_way_to_cut_a_card_takes_more_compute_slices_or_memory_than_it_has(model: str) -> None:
    table = MODELS[model].profiles
    most = max(profile.slices for profile in table.values())
    sums = {sum(table[name].slices for name, dummy in places) for places in configurations(model)}
    assert max(sums) == most
    memory = max(sum(table[name].memory for name, dummy in places) for places in configurations(model))
    assert memory <= MODELS[model].memory


@pytest.mark.parametrize("model", CUTTABLE)
def test_what_fits_is_exactly_what_can_be_built_slice_by_slice(model: str) -> None:
    table = MODELS[model].profiles
    built = {tuple(sorted(Counter(name for name, dummy in places).items())) for places in configurations(model)}
    for numbers in built:
        wanted = cut(table, [name for name, number in numbers for dummy in range(number)])
        assert fits(tuple(table[name] for name in wanted.profiles)), numbers
        for name in table:
            more = tuple(sorted((Counter(dict(numbers)) + Counter([name])).items()))
            grown = cut(table, [*wanted.profiles, name])
            assert fits(tuple(table[each] for each in grown.profiles)) == (more in built), more


def test_the_memory_slices_of_an_instance_begin_at_its_start() -> None:
    assert span(MODELS["A100-40GB"].profiles["3g.20gb"], 4) == 0b11110000
