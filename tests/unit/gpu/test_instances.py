"""GPU and compute instances through nvidia-smi, and the errors that it gets."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from plugins.module_utils.gpu.profiles import MODELS
from tests.unit.gpu.guest import NOBODY, Guest

Start = Callable[..., Guest]
CAPABLE = [name for name, model in MODELS.items() if model.profiles]


def placements(guest: Guest) -> dict[int, tuple[int, int, int]]:
    """GPU instances by id: profile, start and size."""
    rows = re.findall(r"\|\s+0\s+MIG \S+\s+(\d+)\s+(\d+)\s+(\d+):(\d+)", guest.mig("-lgi"))
    return {int(identifier): (int(profile), int(start), int(size)) for profile, identifier, start, size in rows}


def refusal(guest: Guest, *arguments: str) -> tuple[int, str]:
    """Status and last line of an nvidia-smi mig that fails."""
    done = guest.attempt("mig", *arguments)
    return done.returncode, done.stdout.strip().splitlines()[-1].rpartition(": ")[2]


@pytest.mark.parametrize("model", CAPABLE)
def test_profiles_and_placements_are_those_of_the_table(start: Start, model: str) -> None:
    guest = start(model)
    guest.smi("-mig", "1")
    table = MODELS[model].profiles.values()
    listed = re.findall(r"MIG (\S+)\s+(\d+)\s+(\d+)/(\d+)\s+[\d.]+\s+No\s+(\d+)", guest.mig("-lgip"))
    assert {(name, *map(int, numbers)) for name, *numbers in listed} == {
        (profile.name, profile.identifier, profile.instances, profile.instances, profile.multiprocessors)
        for profile in table
    }
    possible = re.findall(r"Profile ID\s+(\d+) Placements?\s*: ?\{([\d,]+)\}:(\d+)", guest.mig("-lgipp"))
    assert {int(identifier): (starts, int(size)) for identifier, starts, size in possible} == {
        profile.identifier: (",".join(map(str, profile.starts)), profile.size) for profile in table
    }


def test_instances_are_created_by_id_and_name_with_a_compute_instance_each(a100: Guest) -> None:
    said = a100.mig("-cgi", "9,2g.10gb,19,MIG 1g.5gb", "-C")
    assert said.count("Successfully created GPU instance") == 4
    assert said.count("Successfully created compute instance") == 4
    assert sorted(profile for profile, _, _ in placements(a100).values()) == [9, 14, 19, 19]
    assert a100.smi("-L").count("UUID: MIG-") == 4


def test_an_instance_lies_where_it_is_asked_to(a100: Guest) -> None:
    a100.mig("-cgi", "9:4,19:0")
    assert {(9, 4, 4), (19, 0, 1)} == set(placements(a100).values())


def test_an_instance_without_a_wish_leaves_the_most_room(a100: Guest) -> None:
    a100.mig("-cgi", "19,14,5")
    assert set(placements(a100).values()) == {(19, 6, 1), (14, 4, 2), (5, 0, 4)}


@pytest.mark.parametrize(
    ("model", "profile", "count"), [("A100-40GB", "19", 7), ("A30", "14", 4), ("H100-80GB", "15", 4)]
)
def test_a_card_is_filled_and_no_further(start: Start, model: str, profile: str, count: int) -> None:
    guest = start(model)
    guest.smi("-mig", "1")
    guest.mig("-cgi", ",".join([profile] * count), "-C")
    assert len(set(re.findall(r"MIG-[0-9a-f-]{36}", guest.smi("-L")))) == count
    assert refusal(guest, "-cgi", profile) == (23, "Insufficient Resources")


def test_the_free_count_falls_as_instances_are_made(a100: Guest) -> None:
    a100.mig("-cgi", "9:0")
    free = dict(re.findall(r"MIG (\S+)\s+\d+\s+(\d+)/\d+", a100.mig("-lgip")))
    assert free == {
        "1g.5gb": "3", "1g.5gb+me": "1", "1g.10gb": "2", "2g.10gb": "1", "3g.20gb": "1", "4g.20gb": "0", "7g.40gb": "0",
    }  # fmt: skip


@pytest.mark.parametrize("wish", ["99", "9:1", "5:4"])
def test_an_unknown_profile_or_place_is_an_invalid_argument(a100: Guest, wish: str) -> None:
    assert refusal(a100, "-cgi", wish) == (2, "Invalid Argument")


def test_a_place_that_is_taken_is_refused(a100: Guest) -> None:
    a100.mig("-cgi", "9:4")
    assert refusal(a100, "-cgi", "19:5") == (23, "Insufficient Resources")


def test_there_is_one_instance_with_media_extensions(a100: Guest) -> None:
    a100.mig("-cgi", "20")
    assert refusal(a100, "-cgi", "20") == (23, "Insufficient Resources")


def test_instances_need_mig_mode(start: Start) -> None:
    assert "No MIG-enabled devices found" in start("A100-40GB").mig("-cgi", "9")


def test_instances_are_destroyed_from_the_inside_out(a100: Guest) -> None:
    a100.mig("-cgi", "9:4,19:0", "-C")
    assert refusal(a100, "-dgi") == (19, "In use by another client")
    assert a100.mig("-dci").count("Successfully destroyed compute instance") == 2
    assert a100.mig("-dgi").count("Successfully destroyed GPU instance") == 2
    assert refusal(a100, "-lgi") == (6, "Not Found")


def test_one_instance_is_destroyed_and_the_others_keep_their_uuids(a100: Guest) -> None:
    a100.mig("-cgi", "9:4,19:0", "-C")
    large, small = (next(key for key, place in placements(a100).items() if place[0] == wanted) for wanted in (9, 19))
    before = re.findall(r"(MIG \S+) .*(MIG-[0-9a-f-]{36})", a100.smi("-L"))
    a100.mig("-dci", "-ci", "0", "-gi", str(small))
    a100.mig("-dgi", "-gi", str(small))
    assert list(placements(a100)) == [large]
    a100.mig("-cgi", "19:0", "-C")
    after = re.findall(r"(MIG \S+) .*(MIG-[0-9a-f-]{36})", a100.smi("-L"))
    assert dict(after)["MIG 3g.20gb"] == dict(before)["MIG 3g.20gb"]
    assert dict(after)["MIG 1g.5gb"] != dict(before)["MIG 1g.5gb"]


def test_what_is_not_there_cannot_be_destroyed(a100: Guest) -> None:
    assert refusal(a100, "-dgi", "-gi", "3") == (6, "Not Found")


def test_a_gpu_instance_is_divided_among_compute_instances(a100: Guest) -> None:
    a100.mig("-cgi", "9:0")
    a100.mig("-cci", "1,0")
    listed = re.findall(r"MIG (\S+)\s+(\d+)\s+(\d+)\s+(\d+):(\d+)", a100.mig("-lci"))
    assert sorted(listed) == [("1c.3g.20gb", "0", "1", "2", "1"), ("2c.3g.20gb", "1", "0", "0", "2")]
    assert refusal(a100, "-cci", "0") == (23, "Insufficient Resources")
    assert "MIG 1c.3g.20gb" in a100.smi("-L")


def test_only_root_may_create_instances(a100: Guest) -> None:
    said = a100.run(*NOBODY, a100.program, "mig", "-cgi", "9")
    assert said.returncode == 4
    assert "Insufficient Permissions" in said.stdout
