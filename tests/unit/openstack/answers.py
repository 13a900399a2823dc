"""A declared site, and the answers of a cloud in which it exists; tests change one thing in either."""

from __future__ import annotations

from typing import Any

from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.cloud import Cloud, Limit
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.model import Site, site_from_options

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample lab"
PROJECT = "p1"
SITE_MARK = "ai_infn_site=lab"
ANYWHERE = {"remote_ip_prefix": None, "remote_group_id": None, "port_range_min": None, "port_range_max": None}


def host(name: str, **more: Any) -> dict[str, Any]:
    """Return the declaration of a host."""
    return {"name": name, "groups": ["kube_worker"], "flavor": "m1.medium", "image": "debian-13", **more}


def options(**more: Any) -> dict[str, Any]:
    """Return the module's options for a site of two hosts, one with a volume and a floating IP."""
    return {
        "site": "lab",
        "network": {"name": "lab", "cidr": "10.64.0.0/24", "external": "external"},
        "security_groups": {
            "host": {
                "description": "every host",
                "members": ["all"],
                "rules": [{"protocol": "tcp", "port_min": 22, "from": "admin"}, {"protocol": "icmp", "from": "host"}],
            },
            "bastion": {"members": ["bastion"], "rules": []},
        },
        "admin_cidrs": ["203.0.113.254/32"],
        "key_name": "lab",
        "public_key": KEY,
        "server_group_policies": {},
        "hosts": [
            host("worker-1", volumes=[{"name": "data", "size": 10}], server_group="workers", floating_ip=True),
            host("worker-2"),
        ],
        **more,
    }


def site(**more: Any) -> Site:
    """Return the declared site."""
    return site_from_options(options(**more))


def empty_cloud() -> Cloud:
    """Return a project in which nothing has been made yet."""
    return Cloud(
        project=PROJECT,
        networks=[
            {"id": "n-ext", "name": "external", "router:external": True, "project_id": "admin", "description": ""}
        ],
        subnets=[{"id": "s-ext", "network_id": "n-ext", "cidr": "203.0.113.0/24", "dns_nameservers": []}],
        flavors=[{"id": "f1", "name": "m1.medium", "vcpus": 2, "ram": 4096}],
        images=[image("i-old", "2026-01-01T00:00:00Z"), image("i-new", "2026-02-01T00:00:00Z")],
        limits={
            name: Limit(50, 0)
            for name in ("cores", "instances", "networks", "subnets", "routers", "ports", "floating IPs", "volumes")
        }
        | {"RAM (MB)": Limit(51200, 0), "gigabytes": Limit(1000, 0), "server group members": Limit(10, 0)}
        | {"security groups": Limit(10, 1), "security group rules": Limit(100, 4), "key pairs": Limit(100, 0)},
    )


def image(identity: str, created: str, status: str = "active") -> dict[str, Any]:
    """Return glance's answer for an image."""
    return {"id": identity, "name": "debian-13", "status": status, "created_at": created}


def rule(identity: str, direction: str, ethertype: str = "IPv4", **more: Any) -> dict[str, Any]:
    """Return neutron's answer for a rule."""
    return {"id": identity, "direction": direction, "ethertype": ethertype, "protocol": None, **ANYWHERE, **more}


def server(name: str, status: str = "ACTIVE", **more: Any) -> dict[str, Any]:
    """Return nova's answer for a server of the site."""
    return {
        "id": f"v-{name}",
        "name": name,
        "status": status,
        "metadata": {"ai_infn_site": "lab"},
        "flavor": {"original_name": "m1.medium"},
        "OS-EXT-STS:task_state": None,
        "OS-SRV-USG:launched_at": None if status in ("ERROR", "BUILD") else "2026-01-01T00:00:00",
        **more,
    }


def port(name: str, address: str) -> dict[str, Any]:
    """Return neutron's answer for a host's port."""
    return {
        "id": f"o-{name}",
        "name": name,
        "description": SITE_MARK,
        "device_id": f"v-{name}",
        "device_owner": "compute:nova",
        "security_groups": ["g-host"],
        "fixed_ips": [{"subnet_id": "s-lab", "ip_address": address}],
    }


def volume(server_id: str = "v-worker-1", **more: Any) -> dict[str, Any]:
    """Return cinder's answer for the data volume of worker-1."""
    return {
        "id": "d-1",
        "name": "worker-1-data",
        "size": 10,
        "status": "in-use" if server_id else "available",
        "metadata": {"ai_infn_site": "lab", "ai_infn_host": "worker-1", "ai_infn_volume": "data"},
        "attachments": [{"server_id": server_id, "device": "/dev/vdb"}] if server_id else [],
        **more,
    }


def finished_cloud() -> Cloud:
    """Return the project after the site was made."""
    cloud = empty_cloud()
    own = {"project_id": PROJECT, "description": SITE_MARK}
    cloud.networks.append({"id": "n-lab", "name": "lab", "router:external": False, **own})
    subnet = {"id": "s-lab", "name": "lab", "network_id": "n-lab", "cidr": "10.64.0.0/24", "gateway_ip": "10.64.0.1"}
    cloud.subnets.append({**subnet, "dns_nameservers": []})
    cloud.routers = [{"id": "r-lab", "name": "lab", "external_gateway_info": {"network_id": "n-ext"}, **own}]
    egress = [rule("e4", "egress"), rule("e6", "egress", "IPv6")]
    ssh = rule(
        "i1", "ingress", protocol="tcp", port_range_min=22, port_range_max=22, remote_ip_prefix="203.0.113.254/32"
    )
    ping = rule("i2", "ingress", protocol="icmp", remote_group_id="g-host")
    cloud.security_groups = [
        {
            "id": "g-host",
            "name": "lab-host",
            "description": f"{SITE_MARK}: every host",
            "security_group_rules": [*egress, ssh, ping],
        },
        {"id": "g-default", "name": "default", "description": "Default security group", "security_group_rules": []},
    ]
    interface = {**port("", "10.64.0.1"), "id": "o-r", "device_id": "r-lab", "description": ""}
    cloud.ports = [port("worker-1", "10.64.0.11"), port("worker-2", "10.64.0.12"), interface]
    floating = {"id": "fip", "floating_ip_address": "203.0.113.100", "port_id": "o-worker-1"}
    cloud.floating_ips = [{**floating, "description": f"{SITE_MARK}: worker-1"}]
    cloud.servers = [server("worker-1"), server("worker-2")]
    cloud.server_groups = [{"id": "sg", "name": "lab-workers"}]
    cloud.key_pairs = [{"name": "lab", "public_key": KEY}]
    cloud.volumes = [volume()]
    return cloud
