"""What the three GPU servers offer."""

from __future__ import annotations

from lab import settings
from lab.drivers.nova import inventory, translate
from lab.openstack.operator import catalog


def test_every_compute_service_of_the_lab_is_a_server_of_the_mission() -> None:
    assert set(settings.GPU_SERVERS) == set(inventory.SERVERS)


def test_the_servers_hold_the_eighteen_cards_of_the_mission_and_a_spare_one() -> None:
    cards = {host: inventory.server(host).gpus for host in settings.GPU_SERVERS}
    assert cards == {
        "gpu-server-1": {"CUSTOM_GPU_T4": 8, "CUSTOM_GPU_RTX_5000": 5},
        "gpu-server-2": {"CUSTOM_GPU_A100": 1 + 1, "CUSTOM_GPU_A30": 1},
        "gpu-server-3": {"CUSTOM_GPU_A100": 3},
    }


def test_cards_are_reported_whole_and_never_overcommitted() -> None:
    found = inventory.inventory("gpu-server-3")["CUSTOM_GPU_A100"]
    assert (found["total"], found["max_unit"], found["allocation_ratio"], found["reserved"]) == (3, 3, 1.0, 0)


def test_an_unknown_host_has_no_cards() -> None:
    assert set(inventory.inventory("elsewhere")) == {"VCPU", "MEMORY_MB", "DISK_GB"}


def test_nova_is_told_the_same_as_placement() -> None:
    told = inventory.hypervisor("gpu-server-1")
    offered = inventory.inventory("gpu-server-1")
    pairs = {"vcpus": "VCPU", "memory_mb": "MEMORY_MB", "local_gb": "DISK_GB"}
    assert {name: told[name] for name in pairs} == {name: offered[kind]["total"] for name, kind in pairs.items()}
    assert told["hypervisor_hostname"] == "gpu-server-1"


def test_a_server_has_the_cards_that_its_flavor_asks_for() -> None:
    found = {}
    for name, flavor in catalog()["flavors"].items():
        wanted = {f"resources:{kind}": str(number) for kind, number in flavor.get("resources", {}).items()}
        found[name] = translate.gpus(wanted | {"aggregate_instance_extra_specs:server": "gpu-server-2"})
    assert found["gpu.t4x8"] == ("T4",) * 8
    assert found["gpu.a100x3"] == ("A100-40GB",) * 3
    assert {name for name, gpus in found.items() if gpus} == {name for name in found if name.startswith("gpu.")}
