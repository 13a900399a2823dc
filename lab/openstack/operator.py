"""The cloud's operator: services and endpoints, then flavors, image, external network, projects and quotas.

Everything here is idempotent and runs as cloud administrator, outside the fabric, over the APIs alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openstack
import yaml
from openstack.connection import Connection

from lab import settings
from lab.commands import run
from lab.machine import image
from lab.openstack import build, config, secrets, services

CATALOG = Path(__file__).with_name("catalog.yml")
ADMIN_CLOUDS = settings.STATE / "admin-clouds.yaml"
TENANT_CLOUDS = settings.SITE_STATE / "clouds.yaml"
TENANT_USER = "site-admin"
EXTERNAL_NETWORK = "external"
PIN = "server"
"""Metadata of a host aggregate, and extra specification of a flavor, that bring the two together."""


def catalog() -> dict[str, Any]:
    """The operator's catalog as written in catalog.yml."""
    loaded: dict[str, Any] = yaml.safe_load(CATALOG.read_text(encoding="utf-8"))
    return loaded


def bootstrap() -> None:
    """Give keystone its administrator; the password travels in the environment."""
    password = secrets.passwords()["admin"]
    bootstrapped = {
        "OS_BOOTSTRAP_PASSWORD": password,
        "OS_BOOTSTRAP_REGION_ID": config.REGION,
        settings.PROCESS_MARK: "1",
    }
    bootstrapped |= {f"OS_BOOTSTRAP_{kind}_URL": config.KEYSTONE for kind in ("ADMIN", "PUBLIC", "INTERNAL")}
    run(
        [
            build.environment_folder() / "bin/keystone-manage",
            "--config-file",
            config.ETC / "keystone/keystone.conf",
            "bootstrap",
        ],
        environment=services.environment() | bootstrapped,
    )


def clouds(users: Mapping[str, tuple[str, str, str]]) -> str:
    """clouds.yaml for cloud -> (user, password, project)."""
    entries = {
        cloud: {
            "auth": {
                "auth_url": config.KEYSTONE,
                "username": user,
                "password": password,
                "project_name": project,
                "user_domain_name": "Default",
                "project_domain_name": "Default",
            },
            "region_name": config.REGION,
        }
        for cloud, (user, password, project) in users.items()
    }
    return yaml.safe_dump({"clouds": entries}, sort_keys=False)


def write_clouds() -> None:
    """Administrator's credentials for the lab itself, the tenant's for the site administrator."""
    passwords = secrets.passwords()
    secrets.write_private(ADMIN_CLOUDS, clouds({"admin": ("admin", passwords["admin"], "admin")}))
    settings.SITE_STATE.mkdir(parents=True, exist_ok=True)
    settings.SITE_STATE.chmod(0o700)
    tenants = {
        project["cloud"]: (TENANT_USER, passwords[TENANT_USER], name) for name, project in catalog()["projects"].items()
    }
    secrets.write_private(TENANT_CLOUDS, clouds(tenants))


def connect() -> Connection:
    """The cloud as its administrator sees it."""
    known = yaml.safe_load(ADMIN_CLOUDS.read_text(encoding="utf-8"))["clouds"]["admin"]
    return openstack.connect(load_yaml_config=False, load_envvars=False, **known)


def ensure_identity(cloud: Connection) -> None:
    """Service users, the service catalog, projects and the tenant user: needed before the other services start."""
    passwords = secrets.passwords()
    identity: Any = cloud.identity
    roles = {role.name: role.id for role in identity.roles()}
    domain = identity.find_domain("Default", ignore_missing=False).id
    projects = {project.name: project.id for project in identity.projects(domain_id=domain)}
    users = {user.name: user.id for user in identity.users(domain_id=domain)}

    def project(name: str, description: str) -> str:
        if name not in projects:
            projects[name] = identity.create_project(name=name, description=description, domain_id=domain).id
        return str(projects[name])

    def user(name: str) -> str:
        if name not in users:
            users[name] = identity.create_user(name=name, password=passwords[name], domain_id=domain).id
        return str(users[name])

    wanted = {
        (project("service", "OpenStack's own services"), user(name), role)
        for name in secrets.SERVICE_USERS
        for role in (roles["admin"], roles["service"])
    }
    for name, offer in catalog()["projects"].items():
        wanted.add((project(name, offer["description"]), user(TENANT_USER), roles["member"]))
    given = {
        (a.scope.get("project", {}).get("id"), a.user["id"], a.role["id"])
        for a in identity.role_assignments()
        if a.user
    }
    for project_id, user_id, role_id in sorted(wanted - given):
        identity.assign_project_role_to_user(project_id, user_id, role_id)
    _ensure_endpoints(cloud)


def _ensure_endpoints(cloud: Connection) -> None:
    identity: Any = cloud.identity
    known = {service.type: service.id for service in identity.services()}
    served = {(endpoint.service_id, endpoint.interface): endpoint for endpoint in identity.endpoints()}
    for kind, wanted in catalog()["services"].items():
        service = known.get(kind) or identity.create_service(type=kind, name=wanted["name"]).id
        url = wanted["url"].format(address=settings.FABRIC_ADDRESS)
        for interface in ("public", "internal", "admin"):
            if (service, interface) not in served:
                identity.create_endpoint(service_id=service, interface=interface, url=url, region_id=config.REGION)


def ensure_offer(cloud: Connection) -> None:
    """Flavors, images, external network and quotas."""
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(_ensure_flavors, cloud), pool.submit(_ensure_images, cloud)]
        _ensure_external_network(cloud)
        _ensure_quotas(cloud)
        for job in jobs:
            job.result()


def _ensure_flavors(cloud: Connection) -> None:
    existing = {flavor.name: flavor for flavor in cloud.compute.flavors(is_public=None, get_extra_specs=True)}
    for name, wanted in catalog()["flavors"].items():
        size = {part: wanted[part] for part in ("vcpus", "ram", "disk")}
        flavor = existing.get(name) or cloud.compute.create_flavor(name=name, **size)
        specifications = extra_specifications(wanted)
        if specifications.items() - (flavor.extra_specs or {}).items():
            cloud.compute.create_flavor_extra_specs(flavor, specifications)


def extra_specifications(flavor: Mapping[str, Any]) -> dict[str, str]:
    """What nova reads of a flavor's cards and of the server that it is kept on."""
    found = {f"resources:{cards}": str(count) for cards, count in flavor.get("resources", {}).items()}
    if "server" in flavor:
        found[f"aggregate_instance_extra_specs:{PIN}"] = flavor["server"]
    return found


def ensure_aggregates(cloud: Connection) -> None:
    """One host aggregate for each GPU server that a flavor is kept on; the servers must have reported before."""
    existing = {aggregate.name: aggregate for aggregate in cloud.compute.aggregates()}
    for server in {wanted["server"] for wanted in catalog()["flavors"].values() if "server" in wanted}:
        aggregate = existing.get(server) or cloud.compute.create_aggregate(name=server)
        if (aggregate.metadata or {}).get(PIN) != server:
            cloud.compute.set_aggregate_metadata(aggregate, {PIN: server})
        if server not in (aggregate.hosts or []):
            cloud.compute.add_host_to_aggregate(aggregate, server)


def _ensure_images(cloud: Connection) -> None:
    """An image's data is one line that names the guests' container image; a new container image replaces it."""
    for name, wanted in catalog()["images"].items():
        reference = image.ensure(wanted["suite"])
        present = list(cloud.image.images(name=name, visibility="public"))
        if any(one.properties.get("lab_reference") == reference for one in present):
            continue
        cloud.image.create_image(
            name=name,
            disk_format="raw",
            container_format="bare",
            visibility="public",
            min_disk=5,
            data=reference.encode(),
            validate_checksum=False,
            os_distro="debian",
            os_version=wanted["version"],
            os_admin_user="debian",
            lab_reference=reference,
        )
        for old in present:
            cloud.image.delete_image(old)


def _ensure_external_network(cloud: Connection) -> None:
    network = cloud.network.find_network(EXTERNAL_NETWORK) or cloud.network.create_network(
        name=EXTERNAL_NETWORK,
        is_router_external=True,
        provider_network_type="flat",
        provider_physical_network="external",
    )
    if not list(cloud.network.subnets(network_id=network.id)):
        first, last = settings.FLOATING_RANGE
        cloud.network.create_subnet(
            name=EXTERNAL_NETWORK,
            network_id=network.id,
            ip_version=4,
            cidr=settings.EXTERNAL_CIDR,
            is_dhcp_enabled=False,
            gateway_ip=settings.HOST_ADDRESS,
            allocation_pools=[{"start": first, "end": last}],
        )


def _ensure_quotas(cloud: Connection) -> None:
    identity: Any = cloud.identity
    for name, wanted in catalog()["projects"].items():
        project = identity.find_project(name, ignore_missing=False).id
        cloud.set_compute_quotas(project, **wanted["quotas"]["compute"])
        cloud.set_network_quotas(project, **wanted["quotas"]["network"])
        cloud.set_volume_quotas(project, **wanted["quotas"]["volume"])
