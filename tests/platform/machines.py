"""A project of the lab's cloud with a network and two servers, made straight through the cloud's API."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import openstack

from lab.openstack import operator
from lab.settings import HOST_ADDRESS, SITE_STATE
from tests.support import eventually

CLOUD = "recas_bari"
NAME = "machines"
CIDR = "10.64.40.0/24"
NAMES = ("machines-1", "machines-2")


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

    def run(
        self, name: str, command: str, address: str | None = None, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a server."""
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=3"]
        # A way that is cut in the middle of a login must not hold the test up.
        options += ["ServerAliveInterval=2", "ServerAliveCountMax=3"]
        words = [word for option in options for word in ("-o", option)]
        target = f"debian@{address or self.addresses[name]}"
        full = ["ssh", "-i", str(self.key), *words, target, command]
        return subprocess.run(["timeout", "30", *full], input=stdin, capture_output=True, text=True, check=False)

    def says(self, name: str, command: str, stdin: str | None = None) -> str:
        """What a command on a server printed."""
        done = self.run(name, command, stdin=stdin)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def reaches(self, name: str, address: str | None = None) -> bool:
        """Whether a login on a server succeeds."""
        return self.run(name, "true", address).returncode == 0

    def pings(self, source: str, address: str) -> bool:
        """Whether an echo comes back."""
        return self.run(source, f"ping -c1 -W1 {address}").returncode == 0

    def drop(self, *names: str) -> None:
        """Delete servers and wait until they are gone, and what they took is free, which comes a moment later."""
        compute = self.cloud.compute
        servers = [server for server in map(compute.find_server, names) if server]
        for server in servers:
            compute.delete_server(server)
        for server in servers:
            compute.wait_for_delete(server, interval=1, wait=120)
        placement = operator.connect().placement

        def free() -> bool:
            return not any(placement.get(f"/allocations/{server.id}").json()["allocations"] for server in servers)

        eventually(free, 30, "what the servers took is free")

    def sweep(self) -> None:
        """Delete everything."""
        compute, network, storage = self.cloud.compute, self.cloud.network, self.cloud.block_storage
        self.drop(*(server.name for server in compute.servers() if server.name.startswith(NAME)))
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
