"""Configuration of the OpenStack services as data; rendering it has no side effects.

Every service keeps what is not said here at its default: the lab's cloud shall behave as a computing centre's does.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lab import settings

Sections = dict[str, dict[str, str]]

FOLDER = settings.STATE / "openstack"
ETC = FOLDER / "etc"
DATABASE_SOCKET = settings.RUN / "mariadb" / "mysqld.sock"
REGION = "lab"
KEYSTONE = f"http://{settings.FABRIC_ADDRESS}:{settings.KEYSTONE_PORT}/v3"
LOOPBACK = "127.0.0.1"


def database(name: str, socket: Path = DATABASE_SOCKET) -> str:
    """Where a service's database is. Only root can open the socket, so there is no password."""
    return f"mysql+pymysql://root@localhost/{name}?unix_socket={socket}&charset=utf8mb4"


def render(sections: Mapping[str, Mapping[str, str]]) -> str:
    """Sections as an oslo.config file; ``$`` is doubled because oslo.config substitutes it."""
    lines: list[str] = []
    for section, options in sections.items():
        lines.append(f"[{section}]")
        lines.extend(f"{name} = {value.replace('$', '$$')}" for name, value in options.items())
        lines.append("")
    return "\n".join(lines)


def _identity(user: str, password: str) -> dict[str, str]:
    return {
        "auth_type": "password",
        "auth_url": KEYSTONE,
        "username": user,
        "password": password,
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": REGION,
    }


def _common(passwords: Mapping[str, str], user: str, *, bus: bool = True) -> Sections:
    default = {"use_stderr": "true", "log_color": "false", "default_log_levels": _QUIET}
    if bus:
        default["transport_url"] = f"rabbit://lab:{passwords['rabbitmq']}@{LOOPBACK}:5672/"
    sections: Sections = {
        "DEFAULT": default,
        "database": {"connection": database(user), "max_pool_size": "5", "max_overflow": "30"},
        "keystone_authtoken": {
            **_identity(user, passwords[user]),
            "www_authenticate_uri": KEYSTONE,
            "token_cache_time": "300",
            "service_token_roles": "service",
            "service_token_roles_required": "true",
        },
        "oslo_concurrency": {"lock_path": str(FOLDER / user / "locks")},
        "oslo_policy": {"enforce_scope": "true", "enforce_new_defaults": "true"},
    }
    if bus:
        # The bus starts empty each time it starts, so nothing on it needs to be durable.
        sections["oslo_messaging_rabbit"] = {
            "rabbit_quorum_queue": "false",
            "amqp_durable_queues": "false",
            "kombu_reconnect_delay": "0.5",
            "rabbit_retry_interval": "1",
            "rabbit_interval_max": "3",
        }
        sections["oslo_messaging_notifications"] = {"driver": "noop"}
    return sections


_QUIET = ",".join(
    [
        "amqp=WARN",
        "amqplib=WARN",
        "sqlalchemy=WARN",
        "oslo.messaging=INFO",
        "oslo_messaging=INFO",
        "urllib3=WARN",
        "keystonemiddleware=WARN",
        "routes.middleware=WARN",
        "stevedore=WARN",
        "requests=WARN",
    ]
)


def keystone(passwords: Mapping[str, str]) -> Sections:
    """The identity service."""
    del passwords
    return {
        "DEFAULT": {
            "use_stderr": "true",
            "default_log_levels": _QUIET,
            "public_endpoint": KEYSTONE.removesuffix("/v3"),
        },
        "database": {"connection": database("keystone"), "max_pool_size": "5", "max_overflow": "30"},
        "token": {"provider": "fernet", "expiration": "43200"},
        "fernet_tokens": {"key_repository": str(FOLDER / "keystone" / "fernet")},
        "fernet_receipts": {"key_repository": str(FOLDER / "keystone" / "fernet")},
        "credential": {"key_repository": str(FOLDER / "keystone" / "credential")},
        "cache": {"enabled": "true", "backend": "dogpile.cache.memory"},
        "identity": {"password_hash_rounds": "4"},
    }


def placement(passwords: Mapping[str, str]) -> Sections:
    """The inventory of what the compute services have and who uses it."""
    sections = _common(passwords, "placement", bus=False)
    sections["placement_database"] = sections.pop("database")
    sections["api"] = {"auth_strategy": "keystone"}
    # A claim that met another one is tried again within the same transaction, where its own first try counts as usage
    # that was there before: the last card is given twice. Refused at once, nova tries again from the beginning.
    sections["placement"] = {"allocation_conflict_retry_count": "1"}
    return sections


def glance(passwords: Mapping[str, str]) -> Sections:
    """The image service; the images are placeholders whose properties name a container image."""
    sections = _common(passwords, "glance", bus=False)
    sections["DEFAULT"] |= {
        "enabled_backends": "lab:file",
        "node_staging_uri": f"file://{FOLDER}/glance/staging",
        "enabled_import_methods": "[]",
    }
    sections["paste_deploy"] = {"flavor": "keystone"}
    sections["glance_store"] = {"default_backend": "lab"}
    sections["lab"] = {"filesystem_store_datadir": str(FOLDER / "glance" / "images")}
    for reserved in ("staging", "tasks"):
        sections[f"os_glance_{reserved}_store"] = {"filesystem_store_datadir": f"{FOLDER}/glance/{reserved}"}
    return sections


def neutron(passwords: Mapping[str, str]) -> Sections:
    """The network service: no agents, the lab's own driver builds the networks in the fabric."""
    sections = _common(passwords, "neutron")
    sections["DEFAULT"] |= {
        "core_plugin": "ml2",
        "service_plugins": "lab.drivers.neutron.router.RouterPlugin",
        "state_path": str(FOLDER / "neutron"),
        "global_physnet_mtu": "1500",
        "enable_traditional_dhcp": "false",
        "dhcp_agent_notification": "false",
        "notify_nova_on_port_status_changes": "false",
        "notify_nova_on_port_data_changes": "false",
        "rpc_workers": "0",
        "rpc_state_report_workers": "0",
    }
    sections["nova"] = _identity("nova", passwords["nova"])
    sections["placement"] = _identity("nova", passwords["nova"])
    sections["ml2"] = {
        "type_drivers": "flat,vxlan",
        "tenant_network_types": "vxlan",
        "mechanism_drivers": "ai_infn_lab",
        "extension_drivers": "port_security",
        "path_mtu": "1500",
    }
    sections["ml2_type_flat"] = {"flat_networks": "external"}
    sections["ml2_type_vxlan"] = {"vni_ranges": "1:1000"}
    sections["securitygroup"] = {"enable_security_group": "true"}
    return sections


_FILTERS = (
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
    "AggregateInstanceExtraSpecsFilter",
)
"""Nova's own, and the one that keeps a flavor on one server."""
_NOVA = {
    "my_ip": settings.FABRIC_ADDRESS,
    "instances_path": str(settings.STATE / "instances"),
    "compute_driver": "podman.PodmanDriver",
    "vif_plugging_is_fatal": "false",
    "vif_plugging_timeout": "0",
    "resume_guests_state_on_host_boot": "true",
    "cpu_allocation_ratio": "1.0",
    "ram_allocation_ratio": "1.0",
    "disk_allocation_ratio": "1.0",
    "reserved_host_memory_mb": "0",
    "sync_power_state_interval": "600",
    "force_config_drive": "false",
    "report_interval": "10",
    "service_down_time": "60",
    "shutdown_timeout": "20",
    "block_device_allocate_retries": "120",
    "block_device_allocate_retries_interval": "1",
    "graceful_shutdown_timeout": "5",
}


def nova(passwords: Mapping[str, str], host: str | None = None) -> Sections:
    """The compute services; ``host`` names one GPU server and leaves out what only the API's side may reach."""
    sections = _common(passwords, "nova")
    name = host or "controller"
    sections["DEFAULT"] |= _NOVA | {"host": name, "state_path": str(FOLDER / "nova" / name)}
    sections["api"] = {"auth_strategy": "keystone"}
    sections["conductor"] = {"workers": "1"}
    sections["scheduler"] = {"workers": "1", "discover_hosts_in_cells_interval": "60"}
    sections["filter_scheduler"] = {"enabled_filters": ",".join(_FILTERS)}
    sections["upgrade_levels"] = {"compute": "auto"}
    sections["vnc"] = {"enabled": "false"}
    for service in ("placement", "neutron", "cinder"):
        sections[service] = _identity("nova", passwords["nova"])
    sections["cinder"] |= {"os_region_name": REGION, "catalog_info": "block-storage::publicURL"}
    sections["glance"] = {"region_name": REGION}
    sections["service_user"] = {"send_service_user_token": "true", **_identity("nova", passwords["nova"])}
    if host:
        del sections["database"]
    else:
        sections["api_database"] = {**sections["database"], "connection": database("nova_api")}
    return sections


def cinder(passwords: Mapping[str, str]) -> Sections:
    """The volume service; volumes are files of this machine."""
    sections = _common(passwords, "cinder")
    sections["DEFAULT"] |= {
        "host": "controller",
        "auth_strategy": "keystone",
        "my_ip": settings.FABRIC_ADDRESS,
        "enabled_backends": "loop",
        "default_volume_type": "__DEFAULT__",
        "state_path": str(FOLDER / "cinder"),
        "osapi_volume_workers": "1",
        "resource_query_filters_file": str(ETC / "cinder" / "resource_filters.json"),
        "report_interval": "10",
        "backend_stats_polling_interval": "10",  # what the scheduler missed while it started comes soon again
        "graceful_shutdown_timeout": "5",
    }
    sections["loop"] = {"volume_driver": "lab.drivers.cinder.loop.LoopDriver", "volume_backend_name": "loop"}
    sections["nova"] = _identity("nova", passwords["nova"])
    sections["service_user"] = {"send_service_user_token": "true", **_identity("cinder", passwords["cinder"])}
    return sections


def files(passwords: Mapping[str, str]) -> dict[Path, str]:
    """Every configuration file of the cloud and its text."""
    made = {
        ETC / "keystone" / "keystone.conf": keystone(passwords),
        ETC / "placement" / "placement.conf": placement(passwords),
        ETC / "glance" / "glance-api.conf": glance(passwords),
        ETC / "neutron" / "neutron.conf": neutron(passwords),
        ETC / "nova" / "nova.conf": nova(passwords),
        ETC / "cinder" / "cinder.conf": cinder(passwords),
        **{ETC / "nova" / f"{host}.conf": nova(passwords, host) for host in settings.GPU_SERVERS},
    }
    return {path: render(sections) for path, sections in made.items()}
