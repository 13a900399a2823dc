"""The processes of the cloud: daemons, API services with threads, and the workers behind them."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from lab import settings
from lab.openstack import build, config, secrets
from lab.programs import Program

DATABASE_DATA = settings.STATE / "mariadb"
BUS_DATA = settings.RUN / "rabbitmq"
THREADS = 8
APIS: Mapping[str, tuple[str, int, Mapping[str, str], tuple[str, ...]]] = {
    "keystone": ("keystone.wsgi.api", settings.KEYSTONE_PORT, {"OS_KEYSTONE_CONFIG_DIR": "{etc}/keystone"}, ("mariadb",)),
    "placement": ("placement.wsgi.api", settings.PLACEMENT_PORT, {"OS_PLACEMENT_CONFIG_DIR": "{etc}/placement"}, ("mariadb",)),
    "glance": ("glance.wsgi.api", settings.GLANCE_PORT, {"OS_GLANCE_CONFIG_DIR": "{etc}/glance"}, ("mariadb",)),
    "neutron": ("lab.openstack.neutron_wsgi", settings.NEUTRON_PORT,
                {"OS_NEUTRON_CONFIG_DIR": "{etc}/neutron", "OS_NEUTRON_CONFIG_FILES": "neutron.conf"}, ("mariadb", "rabbitmq")),
    "nova-api": ("nova.wsgi.osapi_compute", settings.NOVA_PORT,
                 {"OS_NOVA_CONFIG_DIR": "{etc}/nova"}, ("mariadb", "rabbitmq")),
    "cinder-api": ("cinder.wsgi.api", settings.CINDER_PORT, {}, ("mariadb", "rabbitmq")),
}
PASTE_FILES = {
    "nova": "nova/api-paste.ini", "neutron": "neutron/api-paste.ini", "cinder": "cinder/api-paste.ini",
    "glance": "glance/glance-api-paste.ini",
}


def listens(port: int, address: str = settings.FABRIC_ADDRESS) -> Callable[[], bool]:
    """Whether something accepts connections there."""
    def ready() -> bool:
        with socket.create_connection((address, port), timeout=1):
            return True
    return ready


def answers(port: int, path: str = "/", address: str = settings.FABRIC_ADDRESS) -> Callable[[], bool]:
    """Whether a web service there gives any answer that is not its own failure."""
    def ready() -> bool:
        connection = http.client.HTTPConnection(address, port, timeout=3)
        try:
            connection.request("GET", path)
            return connection.getresponse().status < 500
        except http.client.HTTPException:
            return False
        finally:
            connection.close()
    return ready


def database_command(data: Path, socket_folder: Path, *options: str) -> list[str]:
    """MariaDB on ``data``; without a network and with a socket that only root reaches, it needs no accounts."""
    return build.inside_daemons(
        ["/usr/sbin/mariadbd", "--no-defaults", "--user=root", "--datadir=/data", "--socket=/socket/mysqld.sock",
         "--pid-file=/socket/mysqld.pid", "--skip-networking", "--skip-grant-tables", "--skip-log-bin",
         "--skip-name-resolve", "--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci",
         "--innodb-buffer-pool-size=160M", "--innodb-log-file-size=48M", "--max-connections=600",
         "--performance-schema=off", "--tmpdir=/tmp", *options],
        {str(data): "/data", str(socket_folder): "/socket"},
    )


def environment(service: str = "", *, drivers: bool = False) -> dict[str, str]:
    """What every OpenStack process needs to find: its programs and the lab's drivers.

    It holds digests of the ``service``'s configuration and of the drivers, so that what changed there restarts it.
    """
    venv = build.environment_folder()
    read = sorted((config.ETC / service).iterdir()) if service else []
    if drivers:
        read += sorted((settings.REPOSITORY / "lab" / "drivers").rglob("*.py"))
    return {
        "AI_INFN_LAB_READS": build.recipe_key(*(file.read_bytes() for file in read)),
        "PATH": f"{venv}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8",
        "PYTHONPATH": f"{settings.REPOSITORY}:{settings.REPOSITORY}/lab/drivers/metadata", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1",
        "XDG_CACHE_HOME": str(settings.CACHE.parent), "OS_NOVA_DISABLE_EVENTLET_PATCHING": "true",
        "MALLOC_ARENA_MAX": "2",
    }


def daemons() -> list[Program]:
    """Database and message bus."""
    database_ready = config.DATABASE_SOCKET
    return [
        Program("mariadb", database_command(DATABASE_DATA, database_ready.parent, "--innodb-flush-log-at-trx-commit=2"),
                _socket_answers(database_ready)),
        Program("rabbitmq", _bus_command(), listens_inside(5672), environment=_bus_environment(), deadline=90),
    ]


def listens_inside(port: int) -> Callable[[], bool]:
    """Whether something in the fabric listens on its loopback, read from the kernel's table (we are outside)."""
    wanted = f":{port:04X}"

    def ready() -> bool:
        for table in ("tcp", "tcp6"):
            for line in _fabric_sockets(table):
                fields = line.split()
                if len(fields) > 3 and fields[1].endswith(wanted) and fields[3] == "0A":
                    return True
        return False
    return ready


def _fabric_sockets(table: str) -> list[str]:
    pid = (settings.RUN / "supervisord.pid").read_text(encoding="utf-8").strip()
    return Path(f"/proc/{pid}/net/{table}").read_text(encoding="utf-8").splitlines()[1:]


def _socket_answers(path: Path) -> Callable[[], bool]:
    def ready() -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            return bool(connection.recv(5))
    return ready


def _bus_command() -> list[str]:
    script = (
        "rm -rf /data/* && umask 077 && cp /run/rabbitmq.conf /data/rabbitmq.conf"
        " && exec /usr/lib/rabbitmq/bin/rabbitmq-server"
    )
    inside = build.inside_daemons(["sh", "-c", script], {str(BUS_DATA): "/data"})
    at = inside.index("--")
    return [*inside[:at], "--ro-bind", str(config.ETC / "rabbitmq" / "rabbitmq.conf"), "/run/rabbitmq.conf", *inside[at:]]


def _bus_environment() -> dict[str, str]:
    return {
        "HOME": "/data", "HOSTNAME": "localhost", "RABBITMQ_NODENAME": "rabbit@localhost", "RABBITMQ_BASE": "/data",
        "RABBITMQ_MNESIA_BASE": "/data/mnesia", "RABBITMQ_LOG_BASE": "/data/log", "RABBITMQ_LOGS": "-",
        "RABBITMQ_CONFIG_FILE": "/data/rabbitmq.conf", "RABBITMQ_ENABLED_PLUGINS_FILE": "/data/enabled_plugins",
        "RABBITMQ_NODE_IP_ADDRESS": config.LOOPBACK, "ERL_EPMD_ADDRESS": config.LOOPBACK,
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
                                               " -kernel inet_dist_use_interface {127,0,0,1}",
    }


def bus_configuration(password: str) -> str:
    """RabbitMQ's configuration: one user, whose password is in this file and nowhere else."""
    return "\n".join([
        f"listeners.tcp.default = {config.LOOPBACK}:5672", "default_user = lab", f"default_pass = {password}",
        "log.console.level = warning", "vm_memory_high_watermark.absolute = 512MB", "disk_free_limit.absolute = 200MB",
        "heartbeat = 60", "",
    ])


def apis() -> list[Program]:
    """One process each, with threads."""
    venv = build.environment_folder()
    made = []
    for name, (module, port, extra, after) in APIS.items():
        command = [
            str(venv / "bin/uwsgi"), "--http-socket", f"{settings.FABRIC_ADDRESS}:{port}", "--module", f"{module}:application",
            "--threads", str(THREADS), "--enable-threads", "--die-on-term", "--need-app", "--buffer-size", "65535",
            "--listen", "100", "--disable-logging", "--add-header", "Connection: close", "--venv", str(venv),
        ]
        if name == "cinder-api":
            command += ["--pyargv", f"--config-file {config.ETC}/cinder/cinder.conf"]
        found = {key: value.format(etc=config.ETC) for key, value in extra.items()}
        made.append(Program(
            name, command, answers(port), after=after, deadline=120,
            environment={**environment(name.removesuffix("-api"), drivers=name == "neutron"), **found},
        ))
    return made


def workers() -> list[Program]:
    """What works behind the APIs. That they serve is seen by their reports, all together, at the end."""
    venv = build.environment_folder()
    nova, cinder = config.ETC / "nova", config.ETC / "cinder" / "cinder.conf"
    table = {
        "nova-conductor": ("nova-conductor", nova / "nova.conf"),
        "nova-scheduler": ("nova-scheduler", nova / "nova.conf"),
        "cinder-scheduler": ("cinder-scheduler", cinder),
        "cinder-volume": ("cinder-volume", cinder),
    }
    made = [
        Program(
            name, [str(venv / "bin" / program), "--config-file", str(file)], lambda: True,
            after=("mariadb", "rabbitmq", "keystone"),
            environment=environment(name.partition("-")[0], drivers=name == "cinder-volume"),
        )
        for name, (program, file) in table.items()
    ]
    made.append(Program(
        "network-agent", ["/usr/bin/python3", "-m", "lab.drivers.network.agent"], (settings.RUN / "network-agent.ready").exists,
        environment={
            "PYTHONPATH": str(settings.REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1",
            "AI_INFN_LAB_READS": environment(drivers=True)["AI_INFN_LAB_READS"],
        },
    ))
    made.extend(
        Program(f"nova-compute-{host}",
                [str(venv / "bin/python"), "-m", "lab.drivers.nova_compute", "--config-file", str(nova / f"{host}.conf")],
                lambda: True, environment=environment("nova", drivers=True), after=("nova-conductor", "placement", "neutron", "network-agent"))
        for host in settings.GPU_SERVERS
    )
    return made


def prepare() -> None:
    """Write configuration, keys and folders of all services; unchanged files stay untouched."""
    passwords = secrets.passwords()
    for path, text in config.files(passwords).items():
        secrets.write_private(path, text)
    secrets.write_private(config.ETC / "rabbitmq" / "rabbitmq.conf", bus_configuration(passwords["rabbitmq"]))
    venv = build.environment_folder()
    for service, paste in PASTE_FILES.items():
        target = config.ETC / service / Path(paste).name
        secrets.write_private(target, (venv / "etc" / paste).read_text(encoding="utf-8"))
    for kind in ("fernet", "credential"):
        secrets.ensure_key_repository(config.FOLDER / "keystone" / kind)
    for folder in ("glance/images", "glance/staging", "glance/tasks", "nova/controller", "neutron", "cinder"):
        (config.FOLDER / folder).mkdir(parents=True, exist_ok=True)
    for folder in (config.DATABASE_SOCKET.parent, BUS_DATA):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    for host in settings.GPU_SERVERS:
        (config.FOLDER / "nova" / host).mkdir(parents=True, exist_ok=True)
