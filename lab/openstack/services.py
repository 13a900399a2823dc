"""The processes of OpenStack: API services with threads, and the workers behind them."""

from __future__ import annotations

from collections.abc import Mapping

from lab import settings
from lab.openstack import build, config, daemons, secrets
from lab.openstack.readiness import answers
from lab.programs import Program

THREADS = 8
APIS: Mapping[str, tuple[str, int, Mapping[str, str], tuple[str, ...]]] = {
    "keystone": (
        "keystone.wsgi.api",
        settings.KEYSTONE_PORT,
        {"OS_KEYSTONE_CONFIG_DIR": "{etc}/keystone"},
        ("mariadb",),
    ),
    "placement": (
        "placement.wsgi.api",
        settings.PLACEMENT_PORT,
        {"OS_PLACEMENT_CONFIG_DIR": "{etc}/placement"},
        ("mariadb",),
    ),
    "glance": ("glance.wsgi.api", settings.GLANCE_PORT, {"OS_GLANCE_CONFIG_DIR": "{etc}/glance"}, ("mariadb",)),
    "neutron": (
        "lab.openstack.neutron_wsgi",
        settings.NEUTRON_PORT,
        {"OS_NEUTRON_CONFIG_DIR": "{etc}/neutron", "OS_NEUTRON_CONFIG_FILES": "neutron.conf"},
        ("mariadb", "rabbitmq"),
    ),
    "nova-api": (
        "nova.wsgi.osapi_compute",
        settings.NOVA_PORT,
        {"OS_NOVA_CONFIG_DIR": "{etc}/nova"},
        ("mariadb", "rabbitmq"),
    ),
    "cinder-api": ("cinder.wsgi.api", settings.CINDER_PORT, {}, ("mariadb", "rabbitmq")),
}
GIVEN_FILES = (
    "nova/api-paste.ini",
    "neutron/api-paste.ini",
    "cinder/api-paste.ini",
    "cinder/resource_filters.json",
    "glance/glance-api-paste.ini",
)
"""What the services bring themselves and look for beside their configuration."""


def environment(service: str = "", *, drivers: bool = False) -> dict[str, str]:
    """What every OpenStack process needs to find: its programs and the lab's drivers.

    It holds digests of the ``service``'s configuration and of the drivers, so that what changed there restarts it.
    """
    venv = build.environment_folder()
    read = sorted((config.ETC / service).glob("*")) if service else []
    if drivers:
        for folder in ("drivers", "machine"):
            read += sorted((settings.REPOSITORY / "lab" / folder).rglob("*.py"))
    return {
        "AI_INFN_LAB_READS": build.recipe_key(*(file.read_bytes() for file in read)),
        "PATH": f"{venv}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PYTHONPATH": f"{settings.REPOSITORY}:{settings.REPOSITORY}/lab/drivers/metadata",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "XDG_CACHE_HOME": str(settings.CACHE.parent),
        "OS_NOVA_DISABLE_EVENTLET_PATCHING": "true",
        "MALLOC_ARENA_MAX": "2",
    }


def apis() -> list[Program]:
    """One process each, with threads."""
    venv = build.environment_folder()
    made = []
    for name, (module, port, extra, after) in APIS.items():
        command = [
            str(venv / "bin/uwsgi"),
            "--http-socket",
            f"{settings.FABRIC_ADDRESS}:{port}",
            "--module",
            f"{module}:application",
            "--threads",
            str(THREADS),
            "--enable-threads",
            "--die-on-term",
            "--need-app",
            "--buffer-size",
            "65535",
            "--listen",
            "100",
            "--disable-logging",
            "--add-header",
            "Connection: close",
            "--venv",
            str(venv),
        ]
        if name == "cinder-api":
            command += ["--pyargv", f"--config-file {config.ETC}/cinder/cinder.conf"]
        found = {key: value.format(etc=config.ETC) for key, value in extra.items()}
        made.append(
            Program(
                name,
                command,
                answers(port),
                after=after,
                deadline=240,
                environment={**environment(name.removesuffix("-api"), drivers=name == "neutron"), **found},
            )
        )
    return made


def workers() -> list[Program]:
    """What works behind the APIs. That they serve is seen by their reports, all together, at the end."""
    venv = build.environment_folder()
    behind = [
        Program(
            name,
            [str(venv / "bin" / name), "--config-file", str(config.ETC / service / f"{service}.conf")],
            lambda: True,
            after=("mariadb", "rabbitmq", "keystone"),
            environment=environment(service, drivers=name == "cinder-volume"),
        )
        for service, name in (
            ("nova", "nova-conductor"),
            ("nova", "nova-scheduler"),
            ("cinder", "cinder-scheduler"),
            ("cinder", "cinder-volume"),
        )
    ]
    return [*behind, _network_agent(), *map(_compute, settings.GPU_SERVERS)]


def _network_agent() -> Program:
    reads = environment(drivers=True)["AI_INFN_LAB_READS"]
    return Program(
        "network-agent",
        ["/usr/bin/python3", "-m", "lab.drivers.network.agent"],
        (settings.RUN / "network-agent.ready").exists,
        environment={
            "PYTHONPATH": str(settings.REPOSITORY),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AI_INFN_LAB_READS": reads,
        },
    )


def _compute(host: str) -> Program:
    file = config.ETC / "nova" / f"{host}.conf"
    return Program(
        f"nova-compute-{host}",
        [str(build.environment_folder() / "bin/python"), "-m", "lab.drivers.nova_compute", "--config-file", str(file)],
        lambda: True,
        environment=environment("nova", drivers=True),
        after=("nova-conductor", "placement", "neutron", "network-agent"),
    )


def prepare() -> None:
    """Write configuration, keys and folders of all services; unchanged files stay untouched."""
    passwords = secrets.passwords()
    for path, text in config.files(passwords).items():
        secrets.write_private(path, text)
    secrets.write_private(config.ETC / "rabbitmq" / "rabbitmq.conf", daemons.bus_configuration(passwords["rabbitmq"]))
    venv = build.environment_folder()
    for name in GIVEN_FILES:
        secrets.write_private(config.ETC / name, (venv / "etc" / name).read_text(encoding="utf-8"))
    for kind in ("fernet", "credential"):
        secrets.ensure_key_repository(config.FOLDER / "keystone" / kind)
    for folder in ("glance/images", "glance/staging", "glance/tasks", "nova/controller", "neutron", "cinder"):
        (config.FOLDER / folder).mkdir(parents=True, exist_ok=True)
    for private in (config.DATABASE_SOCKET.parent, daemons.BUS_DATA):
        private.mkdir(parents=True, exist_ok=True)
        private.chmod(0o700)
    for host in settings.GPU_SERVERS:
        (config.FOLDER / "nova" / host).mkdir(parents=True, exist_ok=True)
