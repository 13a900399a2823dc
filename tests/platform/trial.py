"""A small site of its own in a second project of the lab's cloud, for tests of the cloud layer alone."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openstack
import yaml

from lab.settings import HOST_ADDRESS, SITE_STATE, STATE
from tests.platform.site import INVENTORY, Lab, Run

CLOUD = "cnaf"
SITE = "trial"
MARK = f"ai_infn_site={SITE}"
WORKERS: dict[str, dict[str, Any]] = {
    "trial-1": {"openstack_server_volumes": [{"name": "data", "size": 1}], "openstack_server_group": "workers"},
    "trial-2": {"openstack_server_group": "workers"},
}
MODULE = "Bring the project to its declared state"


class Trial:
    """A declared site, its folder, and its project as tenant and as operator."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.inventory = folder / "inventory"
        self.state = folder / "state"
        self.state.mkdir(mode=0o700)
        shutil.copy(SITE_STATE / "clouds.yaml", self.state / "clouds.yaml")
        (self.inventory / "group_vars" / "all").mkdir(parents=True)
        shutil.copy(INVENTORY / "group_vars/all/connection.yml", self.inventory / "group_vars/all/connection.yml")
        plugin = {"plugin": "ai_infn.platform.openstack_servers", "site": SITE, "cloud": CLOUD}
        self._write("openstack.yml", plugin | {"clouds_file": str(self.state / "clouds.yaml")})
        self.declare({})
        self.configure()
        self.tenant = self._connection(CLOUD, SITE_STATE / "clouds.yaml")
        self.admin = self._connection("admin", STATE / "admin-clouds.yaml")

    def declare(self, workers: dict[str, Any], **groups: dict[str, Any]) -> None:
        """Write hosts.yml with these hosts in group ``worker``, and other groups by their names."""
        children = {name: {"hosts": hosts} for name, hosts in {"worker": workers, **groups}.items()}
        self._write("hosts.yml", {"all": {"children": children}})

    def configure(self, **more: Any) -> None:
        """Write the site's variables."""
        variables = {
            "site_name": SITE,
            "site_state_dir": str(self.state),
            "openstack_cloud": CLOUD,
            "openstack_network_cidr": "10.64.32.0/24",
            "openstack_external_network": "external",
            "openstack_admin_cidrs": [f"{HOST_ADDRESS}/32"],
            "openstack_server_image": "debian-13",
            "openstack_server_flavor": "m1.small",
        }
        self._write("group_vars/all/site.yml", variables | more)

    def _write(self, name: str, content: Any) -> None:
        (self.inventory / name).write_text(yaml.safe_dump(content), encoding="utf-8")

    @staticmethod
    def _connection(cloud: str, path: Path) -> Any:
        loader = openstack.config.OpenStackConfig(config_files=[str(path)], load_envvars=False)
        return openstack.connection.Connection(config=loader.get_one(cloud=cloud))

    def cloud(self, *arguments: str, check: bool = False, **extra: Any) -> Run:
        """Run the cloud layer."""
        return self.lab.playbook("cloud", *arguments, inventory=self.inventory, check=check, extra=extra)

    def preflight(self, **extra: Any) -> Run:
        """Run the preflight of all layers."""
        return self.lab.playbook("preflight", inventory=self.inventory, extra=extra)

    def remove(self, host: str, check: bool = False, **extra: Any) -> Run:
        """Run the cloud layer's leave step."""
        return self.lab.playbook("remove_node", inventory=self.inventory, check=check, extra={"node": host, **extra})

    def shell(self, host: str, command: str, *options: str) -> str:
        """Run a command on a host, as Ansible reaches it, and return what it printed."""
        done = subprocess.run([*self._ad_hoc(host, command), *options], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.partition(">>\n")[2].strip()

    def root(self, host: str, command: str) -> str:
        """Run a command as root."""
        return self.shell(host, command, "--become")

    def refusal(self, host: str) -> str:
        """Return what SSH says when it does not connect to a host; no open connection is used again."""
        command = [*self._ad_hoc(host, "true"), "--ssh-extra-args=-o ControlPath=none"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode != 0, "the host was reached"
        return done.stdout + done.stderr

    def _ad_hoc(self, host: str, command: str) -> list[str]:
        program = Path(__file__).resolve().parents[2] / ".venv/bin/ansible"
        words = ["-i", str(self.inventory), host, "-m", "ansible.builtin.shell", "-a", command]
        return [str(program), *words]

    def servers(self) -> dict[str, Any]:
        """Return the project's servers by name."""
        return {server.name: server for server in self.tenant.compute.servers()}

    def network_names(self) -> list[str]:
        """Return the names of the project's own networks."""
        networks = self.tenant.network.networks(project_id=self.tenant.current_project_id)
        return [network.name for network in networks]

    @contextmanager
    def quota(self, service: str, name: str, limit: int) -> Iterator[None]:
        """Lower a quota of the project for a while, as the cloud's operator."""
        project = self.tenant.current_project_id
        read = {
            "compute": lambda: self.admin.get_compute_quotas(project),
            "network": lambda: self.admin.get_network_quotas(project),
            "volume": lambda: self.admin.get_volume_quotas(project),
        }[service]
        write = getattr(self.admin, f"set_{service}_quotas")
        before = read()[name]
        write(project, **{name: limit})
        try:
            yield
        finally:
            write(project, **{name: before})

    def sweep(self) -> None:
        """Delete all that the trial has made in its project."""
        sweep(self.tenant, SITE)


def sweep(tenant: Any, key_pair: str) -> None:
    """Delete all that is in a project, and the key pair of that name."""
    compute, network, storage = tenant.compute, tenant.network, tenant.block_storage
    servers = list(compute.servers())
    for server in servers:
        compute.delete_server(server)
    for server in servers:
        compute.wait_for_delete(server, interval=1, wait=120)
    for floating in network.ips():
        network.delete_ip(floating)
    for router in network.routers():
        for port in network.ports(device_id=router.id):
            network.remove_interface_from_router(router, port_id=port.id)
        network.delete_router(router)
    for port in network.ports(project_id=tenant.current_project_id):
        network.delete_port(port)
    for item in network.networks(project_id=tenant.current_project_id):
        network.delete_network(item)
    for group in network.security_groups(project_id=tenant.current_project_id):
        if group.name != "default":
            network.delete_security_group(group)
    for volume in storage.volumes():
        storage.wait_for_status(volume, "available", failures=[], interval=1, wait=60)
        storage.delete_volume(volume)
    for group in compute.server_groups():
        compute.delete_server_group(group)
    compute.delete_keypair(key_pair)  # of all that belong to the user, who has other projects too


def diff_of(result: dict[str, dict[str, list[dict[str, str]]]]) -> list[dict[str, str]]:
    """Return the entries of a result that show an object of the cloud."""
    found = result["res"].get("diff") or []
    return [entry for entry in found if "before_header" in entry] if isinstance(found, list) else []
