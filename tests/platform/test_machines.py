"""Servers of the lab's cloud behave as virtual machines do: by packets, disks and power, seen by a tenant."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import openstack
import pytest

from lab.machine import podman
from lab.settings import HOST_ADDRESS, SITE_STATE
from tests.platform.site import Lab
from tests.support import eventually

CLOUD = "recas_bari"
NAME = "machines"
CIDR = "10.64.40.0/24"
NAMES = ("machines-1", "machines-2")
pytestmark = [pytest.mark.duration(240), pytest.mark.rotation("machines", "lab/")]


class Project:
    """A network with a router, a security group and two servers, made straight through the cloud's API."""

    def __init__(self, folder: Path) -> None:
        loader = openstack.config.OpenStackConfig(config_files=[str(SITE_STATE / "clouds.yaml")], load_envvars=False)
        self.cloud: Any = openstack.connection.Connection(config=loader.get_one(cloud=CLOUD))
        self.key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        self.addresses: dict[str, str] = {}

    def make(self) -> None:
        """Make everything; both servers are spread over hosts."""
        network, compute = self.cloud.network, self.cloud.compute
        self.network = network.create_network(name=NAME)
        subnet = network.create_subnet(network_id=self.network.id, ip_version=4, cidr=CIDR, name=NAME)
        self.outside = next(network.networks(is_router_external=True))
        router = network.create_router(name=NAME, external_gateway_info={"network_id": self.outside.id})
        network.add_interface_to_router(router, subnet_id=subnet.id)
        self.group = network.create_security_group(name=NAME)
        self.open("tcp", 22, remote_ip_prefix=f"{HOST_ADDRESS}/32")
        compute.create_keypair(name=NAME, public_key=Path(f"{self.key}.pub").read_text(encoding="utf-8"))
        self.spread = compute.create_server_group(name=NAME, policy="anti-affinity")
        for name in NAMES:
            self.ask(name)
        for name in NAMES:
            server = self.settled(name)
            assert server.status == "ACTIVE", server.fault
            self.addresses[name] = server.addresses[NAME][0]["addr"]
        for name in NAMES:
            eventually(partial(self.reaches, name), 40, f"{name} is reached by SSH")

    def ask(self, name: str, flavor: str = "m1.small", spread: bool = True) -> Any:
        """Ask for a server."""
        compute = self.cloud.compute
        hints = {"scheduler_hints": {"group": self.spread.id}} if spread else {}
        return compute.create_server(
            name=name,
            image_id=self.cloud.image.find_image("debian-13").id,
            flavor_id=compute.find_flavor(flavor).id,
            networks=[{"uuid": self.network.id}],
            security_groups=[{"name": NAME}],
            key_name=NAME,
            **hints,
        )

    def server(self, name: str) -> Any:
        """The server of this name, as it is now."""
        return self.cloud.compute.find_server(name, ignore_missing=False, details=True)

    def settled(self, name: str) -> Any:
        """The server once nova has decided about it."""
        eventually(lambda: self.server(name).status in ("ACTIVE", "ERROR"), 90, f"nova has decided about {name}")
        return self.server(name)

    def open(self, protocol: str, port: int | None = None, **remote: str) -> Any:
        """Open a port of both servers."""
        return self.cloud.network.create_security_group_rule(
            security_group_id=self.group.id,
            direction="ingress",
            ethertype="IPv4",
            protocol=protocol,
            port_range_min=port,
            port_range_max=port,
            **remote,
        )

    def run(self, name: str, command: str, address: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command on a server."""
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=3"]
        # A way that is cut in the middle of a login must not hold the test up.
        options += ["ServerAliveInterval=2", "ServerAliveCountMax=3"]
        words = [word for option in options for word in ("-o", option)]
        target = f"debian@{address or self.addresses[name]}"
        full = ["ssh", "-i", str(self.key), *words, target, command]
        return subprocess.run(["timeout", "30", *full], capture_output=True, text=True, check=False)

    def says(self, name: str, command: str) -> str:
        """What a command on a server printed."""
        done = self.run(name, command)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def reaches(self, name: str, address: str | None = None) -> bool:
        """Whether a login on a server succeeds."""
        return self.run(name, "true", address).returncode == 0

    def pings(self, source: str, address: str) -> bool:
        """Whether an echo comes back."""
        return self.run(source, f"ping -c1 -W1 {address}").returncode == 0

    def sweep(self) -> None:
        """Delete everything."""
        compute, network, storage = self.cloud.compute, self.cloud.network, self.cloud.block_storage
        servers = [server for server in compute.servers() if server.name.startswith(NAME)]
        for server in servers:
            compute.delete_server(server)
        for server in servers:
            compute.wait_for_delete(server, interval=1, wait=120)
        for volume in [volume for volume in storage.volumes() if volume.name == NAME]:
            storage.wait_for_status(volume, "available", failures=[], interval=1, wait=60)
            storage.delete_volume(volume)
        for address in network.ips(description=NAME):
            network.delete_ip(address)
        for router in network.routers(name=NAME):
            for port in network.ports(device_id=router.id, device_owner="network:router_interface"):
                network.remove_interface_from_router(router, port_id=port.id)
            network.delete_router(router)
        for found in network.networks(name=NAME):
            network.delete_network(found)
        for group in network.security_groups(name=NAME):
            network.delete_security_group(group)
        for spread in compute.server_groups():
            if spread.name == NAME:
                compute.delete_server_group(spread)
        if compute.find_keypair(NAME):
            compute.delete_keypair(NAME)


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


def test_a_third_server_that_wants_the_same_cards_finds_no_valid_host(project: Project) -> None:
    project.ask(f"{NAME}-cards-1", flavor="gpu.a100x3", spread=False)
    try:
        assert project.settled(f"{NAME}-cards-1").status == "ACTIVE"
        project.ask(f"{NAME}-cards-2", flavor="gpu.a100x3", spread=False)
        refused = project.settled(f"{NAME}-cards-2")
        assert refused.status == "ERROR" and "No valid host" in refused.fault["message"]
    finally:
        for name in (f"{NAME}-cards-1", f"{NAME}-cards-2"):
            found = project.cloud.compute.find_server(name)
            if found:
                project.cloud.compute.delete_server(found)


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
