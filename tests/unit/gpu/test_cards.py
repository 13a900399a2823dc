"""What nvidia-smi says of simulated cards."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lab.gpu import build
from plugins.module_utils.gpu.profiles import MODELS
from tests.support import checked
from tests.unit.gpu.guest import Guest

Start = Callable[..., Guest]


def test_the_real_nvidia_smi_lists_the_cards_of_every_model(start: Start) -> None:
    guest = start(*MODELS)
    assert guest.smi("-L").splitlines() == [
        f"GPU {card.index}: {card.model.product} (UUID: {card.uuid})" for card in guest.cards
    ]


def test_the_uuid_of_a_card_is_that_of_its_host_and_index(start: Start) -> None:
    one, other = start("T4", "T4"), start("T4")
    assert one.cards[0].uuid == other.cards[0].uuid != one.cards[1].uuid


def test_a_query_gives_the_figures_of_the_model(start: Start) -> None:
    guest = start("T4", "A30")
    fields = ("name", "memory.total", "pci.bus_id", "driver_version", "mig.mode.current", "compute_cap")
    assert guest.query(*fields) == ["Tesla T4", "15360", "00000000:07:00.0", build.DRIVER_VERSION, "[N/A]", "7.5"]
    assert guest.query(*fields, card=1) == [
        "NVIDIA A30", "24576", "00000000:08:00.0", build.DRIVER_VERSION, "Disabled", "8.0",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["1", "{card.uuid}", "{card.address}", "0000{card.address}", "8:0.0"])
def test_a_card_is_named_by_index_uuid_or_address(start: Start, name: str) -> None:
    guest = start("T4", "A30", "T4")
    card = guest.cards[1]
    found = guest.smi("-i", name.format(card=card), "--query-gpu=uuid", "--format=csv,noheader")
    assert found == f"{card.uuid}\n"


def test_the_full_report_is_well_formed_and_names_the_instances(a100: Guest) -> None:
    a100.mig("-cgi", "9,19", "-C")
    report = ElementTree.fromstring(a100.smi("-q", "-x"))  # noqa: S314
    (card,) = report.iter("gpu")
    assert card.findtext("uuid") == a100.cards[0].uuid
    assert card.findtext("mig_mode/current_mig") == "Enabled"
    devices = list(card.iter("mig_device"))
    assert [found.findtext("index") for found in devices] == ["0", "1"]
    assert devices[0].findtext("device_attributes/shared/copy_engine_count") == "3"
    assert devices[0].findtext("fb_memory_usage/total") == "20096 MiB"


def test_the_table_that_everybody_knows_is_drawn(a100: Guest) -> None:
    a100.mig("-cgi", "9,19", "-C")
    said = a100.smi()
    assert f"Driver Version: {build.DRIVER_VERSION}" in said
    assert "MIG devices:" in said
    assert "No running processes found" in said


def test_the_library_says_that_it_is_a_simulation(start: Start) -> None:
    content = (start("T4").driver / build.LIBRARY).read_bytes()
    assert b"SIMULATION of the NVIDIA management library" in content


def test_every_function_of_the_header_exists(driver: Path) -> None:
    library = ctypes.CDLL(str(driver / build.LIBRARY))
    names = re.findall(r"int (nvml\w+)\(void\)", (driver / "stubs.c").read_text(encoding="utf-8"))
    assert len(names) > 400
    assert [
        name for name in (*names, "nvmlErrorString", "nvmlInternalGetExportTable") if not hasattr(library, name)
    ] == []


def test_the_library_exports_nothing_that_could_meet_a_name_of_a_program(driver: Path) -> None:
    listed = checked(["nm", "--dynamic", "--defined-only", "--format=just-symbols", driver / build.LIBRARY]).split()
    assert [name for name in listed if not name.startswith("nvml")] == ["gpuSimulationBoot", "gpuSimulationClaim"]


def test_a_function_that_is_not_simulated_says_so_when_traced(start: Start) -> None:
    guest = start("T4")
    assert "not simulated: nvmlDeviceGetFanSpeed" in guest.run(guest.program, GPU_SIMULATION_TRACE="1").stderr


def test_functions_are_found_in_the_header_by_their_declaration() -> None:
    header = (
        "nvmlReturn_t DECLDIR nvmlInit_v2(void);\n#define nvmlInit nvmlInit_v2\nnvmlReturn_t  DECLDIR nvmlA (int a,\n"
    )
    assert build.functions(header) == ["nvmlA", "nvmlInit_v2"]
