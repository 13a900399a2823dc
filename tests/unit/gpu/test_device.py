"""What a guest must have beside the library."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from lab.gpu import device
from lab.gpu.cards import Card, cards

DEVICES = "Character devices:\n  1 mem\n234 caps\n254 ndctl\n\nBlock devices:\n  7 loop\n235 other\n"


@pytest.fixture
def found() -> list[Card]:
    return cards("guest", ["A100-40GB", "T4", "A30"])


def test_capabilities_have_the_numbers_that_the_driver_gives_them(found: list[Card]) -> None:
    text = device.proc_files(found)[device.MIG_MINORS]
    lines = text.splitlines()
    assert lines[:4] == ["config 1", "monitor 2", "gpu0/gi0/access 3", "gpu0/gi0/ci0/access 4"]
    assert "gpu0/gi1/access 12" in lines
    assert "gpu2/gi0/access 273" in lines
    assert len(lines) == 4322, "of 32 cards, whichever there are"


def test_only_cards_with_mig_have_nodes_and_files_of_instances(found: list[Card]) -> None:
    folder = "/proc/driver/nvidia/capabilities"
    with_files = {path.removeprefix(f"{folder}/").split("/")[0] for path in device.proc_files(found) if folder in path}
    assert with_files == {"mig", "gpu0", "gpu2"}
    own = [node for node in device.nodes(found, 236, 237) if "caps" in node.path]
    assert len(own) == 2 + 2 * 135


def test_no_two_nodes_are_the_same(found: list[Card]) -> None:
    nodes = device.nodes(found, 236, 237)
    assert len({node.path for node in nodes}) == len({(node.major, node.minor) for node in nodes}) == len(nodes)
    assert {node.mode for node in nodes if node.path.endswith("cap1")} == {0o400}


def test_the_file_of_a_capability_names_its_node(found: list[Card]) -> None:
    files = device.proc_files(found)
    folder = "/proc/driver/nvidia/capabilities"
    assert files[f"{folder}/gpu0/mig/gi1/access"].startswith("DeviceFileMinor: 12\nDeviceFileMode: 292\n")
    assert files[f"{folder}/mig/config"].startswith("DeviceFileMinor: 1\nDeviceFileMode: 256\n")


def test_majors_are_such_as_no_driver_has() -> None:
    assert device.free_majors(DEVICES) == (235, 236)


def test_a_real_driver_is_not_simulated_over() -> None:
    with pytest.raises(RuntimeError, match="beside a real driver"):
        device.free_majors(DEVICES.replace("1 mem", "195 nvidia"))


def test_the_lists_of_the_kernel_gain_the_driver_and_lose_nothing() -> None:
    characters, _, blocks = device.devices(DEVICES, 235, 236).partition("\nBlock devices:")
    assert characters.endswith("254 ndctl\n195 nvidia\n235 nvidia-caps\n236 nvidia-uvm\n")
    assert blocks == "\n  7 loop\n235 other\n"
    assert [line.split()[0] for line in device.modules("loop 1 0 - Live 0x0\n").splitlines()] == [
        "nvidia_uvm", "nvidia", "loop",
    ]  # fmt: skip


def test_a_card_is_found_on_the_bus_by_vendor_device_and_class(found: list[Card]) -> None:
    files = device.pci_files(found)
    folder = "/sys/bus/pci/devices/0000:07:00.0"
    assert [files[f"{folder}/{name}"] for name in ("vendor", "device", "class")] == [
        "0x10de\n", "0x20f1\n", "0x030200\n",
    ]  # fmt: skip


def test_the_configuration_space_of_a_card_is_that_of_no_virtual_gpu(found: list[Card]) -> None:
    space = device.pci_files(found)["/sys/bus/pci/devices/0000:07:00.0/config"]
    assert isinstance(space, bytes)
    assert len(space) == 256
    vendor, model, _, status = struct.unpack("<4H", space[:8])
    assert (vendor, model, space[0x0B], space[0x0A]) == (0x10DE, 0x20F1, 0x03, 0x02)
    assert not status & 0x10, "a list of capabilities"


def test_everything_says_that_it_is_a_simulation(found: list[Card], tmp_path: Path) -> None:
    device.write_files(tmp_path, device.proc_files(found))
    assert "SIMULATION" in (tmp_path / "proc/driver/nvidia/version").read_text()
    information = (tmp_path / "proc/driver/nvidia/gpus/0000:08:00.0/information").read_text()
    assert information.startswith("Model: \t\t Tesla T4\n")
    assert f"GPU UUID: \t {found[1].uuid}\n" in information
