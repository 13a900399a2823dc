"""Servers of the lab's cloud behave as virtual machines do: by packets, disks and power, seen by a tenant."""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from lab.gpu import nvidia_smi
from lab.machine import podman
from tests.platform.machines import NAME, NAMES, Project
from tests.platform.site import Lab
from tests.support import eventually

pytestmark = [pytest.mark.duration(240), pytest.mark.rotation("machines", "lab/")]


@pytest.fixture(scope="module")
def project(raised: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Two servers; tests leave both running."""
    made = Project(tmp_path_factory.mktemp("machines"))
    made.sweep()
    made.make()
    yield made
    made.sweep()


@pytest.fixture
def volume(project: Project) -> Iterator[Any]:
    """A volume of one gigabyte, attached to nothing."""
    storage = project.cloud.block_storage
    made = storage.create_volume(name=NAME, size=1)
    storage.wait_for_status(made, "available", interval=1, wait=60)
    yield made
    eventually(lambda: storage.get_volume(made.id).status == "available", 60, "the volume is available")
    storage.delete_volume(made)


def test_servers_of_an_anti_affinity_group_are_on_different_hosts(project: Project) -> None:
    hosts = {project.server(name).host_id for name in NAMES}
    assert len(hosts) == len(NAMES)


def test_a_second_server_that_wants_the_same_card_finds_no_valid_host(project: Project) -> None:
    project.ask(f"{NAME}-cards-1", flavor="gpu.a100x1", spread=False)
    try:
        assert project.settled(f"{NAME}-cards-1").status == "ACTIVE"
        project.ask(f"{NAME}-cards-2", flavor="gpu.a100x1", spread=False)
        refused = project.settled(f"{NAME}-cards-2")
        assert refused.status == "ERROR" and "No valid host" in refused.fault["message"]
    finally:
        project.drop(f"{NAME}-cards-1", f"{NAME}-cards-2")


def test_a_server_with_a_card_shows_it_to_nvidia_smi_and_cuts_it_after_a_reboot(project: Project) -> None:
    name = f"{NAME}-card"
    project.ask(name, flavor="gpu.a100x1", spread=False)
    try:
        server = project.settled(name)
        assert server.status == "ACTIVE", server.fault
        project.addresses[name] = server.addresses[NAME][0]["addr"]
        eventually(partial(project.reaches, name), 40, f"{name} is reached by SSH")
        program = base64.b64encode(nvidia_smi.ensure().read_bytes()).decode()
        project.says(name, "base64 -d >nvidia-smi && chmod +x nvidia-smi", stdin=program)
        (card,) = project.says(name, "./nvidia-smi -L").splitlines()
        assert card.startswith("GPU 0: NVIDIA A100-PCIE-40GB (UUID: GPU-"), card
        assert "pending enable state" in project.says(name, "sudo ./nvidia-smi -mig 1")
        before = project.says(name, "stat -c %Y /proc/1")
        project.run(name, "sudo systemctl reboot")
        eventually(lambda: began_after(project, name, before), 60, f"{name} has started again")
        project.says(name, "sudo ./nvidia-smi mig -cgi 9,19 -C")
        shown = project.says(name, "./nvidia-smi -L").splitlines()
        assert shown[0] == card and [line.split()[1] for line in shown[1:]] == ["3g.20gb", "1g.5gb"], shown
    finally:
        project.drop(name)


def test_the_interface_has_the_tenant_networks_mtu(project: Project) -> None:
    assert project.says(NAMES[0], "cat /sys/class/net/eth0/mtu") == "1450"


def test_a_security_group_rule_acts_on_running_servers_at_once_and_so_does_its_removal(project: Project) -> None:
    neighbour = project.addresses[NAMES[1]]
    assert not project.pings(NAMES[0], neighbour)
    rule = project.open("icmp", remote_group_id=project.group.id)
    eventually(lambda: project.pings(NAMES[0], neighbour), 10, "the rule opens the way")
    project.cloud.network.delete_security_group_rule(rule)
    eventually(lambda: not project.pings(NAMES[0], neighbour), 10, "its removal closes it")


def test_rules_that_a_servers_root_flushed_come_back(project: Project) -> None:
    project.says(NAMES[1], "sudo nft flush ruleset")
    eventually(lambda: not project.pings(NAMES[0], project.addresses[NAMES[1]]), 10, "the rules are back")


def test_a_server_cannot_use_its_neighbours_address(project: Project) -> None:
    rule = project.open("icmp")
    try:
        eventually(lambda: project.pings(NAMES[0], project.addresses[NAMES[1]]), 10, "the rule opens the way")
        foreign = "10.64.40.250"
        project.says(NAMES[0], f"sudo ip address add {foreign}/24 dev eth0")
        spoofed = f"ping -c1 -W1 -I {foreign} {project.addresses[NAMES[1]]}"
        assert project.run(NAMES[0], spoofed).returncode != 0
        project.says(NAMES[0], f"sudo ip address delete {foreign}/24 dev eth0")
    finally:
        project.cloud.network.delete_security_group_rule(rule)


def test_a_floating_address_leads_to_its_server(project: Project) -> None:
    network = project.cloud.network
    port = next(network.ports(device_id=project.server(NAMES[0]).id))
    made = network.create_ip(floating_network_id=project.outside.id, port_id=port.id, description=NAME)
    outside = made.floating_ip_address
    eventually(lambda: project.run(NAMES[0], "hostname", outside).stdout.strip() == NAMES[0], 10, "it leads there")
    network.delete_ip(made)
    eventually(lambda: not project.reaches(NAMES[0], outside), 10, "it leads nowhere")


def test_a_volume_moves_between_running_servers_with_its_data_and_survives_a_reboot(
    project: Project, volume: Any
) -> None:
    first, second = NAMES
    link = f"/dev/disk/by-id/virtio-{volume.id[:20]}"
    attach(project, first, volume)
    project.says(first, f"sudo mkfs.ext4 -q {link} && sudo mount {link} /mnt && echo kept | sudo tee /mnt/file")
    before = project.says(first, "stat -c %Y /proc/1")
    project.run(first, "sudo systemctl reboot")
    eventually(lambda: began_after(project, first, before), 60, f"{first} has started again")
    assert project.says(first, f"sudo mount {link} /mnt && cat /mnt/file && sudo umount /mnt") == "kept"
    detach(project, first, volume)
    attach(project, second, volume)
    assert project.says(second, f"sudo mount {link} /mnt && cat /mnt/file && sudo umount /mnt") == "kept"
    detach(project, second, volume)


def test_a_killed_server_is_seen_and_starts_again_with_its_disk(project: Project) -> None:
    name = NAMES[1]
    project.says(name, "echo kept | sudo tee /root/file && sync")
    process = podman.process_id(f"lab-{name}")
    assert process is not None
    os.kill(process, signal.SIGKILL)
    eventually(lambda: project.server(name).status == "SHUTOFF", 30, "nova sees that it is dead")
    project.cloud.compute.start_server(project.server(name))
    eventually(lambda: project.run(name, "sudo cat /root/file").stdout.strip() == "kept", 60, "its disk is back")


def test_the_console_shows_the_boot(project: Project) -> None:
    output = project.cloud.compute.get_server_console_output(project.server(NAMES[0]))["output"]
    assert "Reached target" in output


def began_after(project: Project, name: str, before: str) -> bool:
    """Tell whether a server answers and its first process is another one than at ``before``, in seconds since 1970."""
    found = project.run(name, "stat -c %Y /proc/1")
    return found.returncode == 0 and found.stdout.strip() != before


def attach(project: Project, name: str, volume: Any) -> None:
    """Attach a volume to a running server."""
    storage = project.cloud.block_storage
    project.cloud.compute.create_volume_attachment(project.server(name), volume_id=volume.id)
    eventually(lambda: storage.get_volume(volume.id).status == "in-use", 60, "the volume is in use")


def detach(project: Project, name: str, volume: Any) -> None:
    """Detach it again: cinder says so first, and nova forgets it a moment later."""
    server, storage = project.server(name), project.cloud.block_storage
    project.cloud.compute.delete_volume_attachment(server, volume.id)
    eventually(lambda: storage.get_volume(volume.id).status == "available", 60, "the volume is available")
    eventually(lambda: not list(project.cloud.compute.volume_attachments(server)), 60, "nova has forgotten it")
