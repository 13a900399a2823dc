"""Database and message bus: Debian's, in a file system of their own, with data below the lab's folders."""

from __future__ import annotations

from pathlib import Path

from lab import settings
from lab.openstack import build, config
from lab.openstack.readiness import listens_inside, socket_answers
from lab.programs import Program

DATABASE_DATA = settings.STATE / "mariadb"
BUS_DATA = settings.RUN / "rabbitmq"
DATABASE_OPTIONS = (
    "--no-defaults",
    "--user=root",
    "--datadir=/data",
    "--socket=/socket/mysqld.sock",
    "--pid-file=/socket/mysqld.pid",
    "--skip-networking",
    "--skip-grant-tables",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_general_ci",
    "--innodb-buffer-pool-size=160M",
    "--innodb-log-file-size=48M",
    "--max-connections=600",
    "--performance-schema=off",
    "--tmpdir=/tmp",
)


def programs() -> list[Program]:
    """Database and message bus."""
    database_ready = config.DATABASE_SOCKET
    return [
        Program(
            "mariadb",
            database_command(DATABASE_DATA, database_ready.parent, "--innodb-flush-log-at-trx-commit=2"),
            socket_answers(database_ready),
        ),
        Program("rabbitmq", _bus_command(), listens_inside(5672), environment=_bus_environment(), deadline=90),
    ]


def database_command(data: Path, socket_folder: Path, *options: str) -> list[str]:
    """MariaDB on ``data``; without a network and with a socket that only root reaches, it needs no accounts."""
    return build.inside_daemons(
        ["/usr/sbin/mariadbd", *DATABASE_OPTIONS, *options], {str(data): "/data", str(socket_folder): "/socket"}
    )


def _bus_command() -> list[str]:
    script = (
        "rm -rf /data/* && umask 077 && cp /run/rabbitmq.conf /data/rabbitmq.conf"
        " && exec /usr/lib/rabbitmq/bin/rabbitmq-server"
    )
    inside = build.inside_daemons(["sh", "-c", script], {str(BUS_DATA): "/data"})
    at = inside.index("--")
    return [
        *inside[:at],
        "--ro-bind",
        str(config.ETC / "rabbitmq" / "rabbitmq.conf"),
        "/run/rabbitmq.conf",
        *inside[at:],
    ]


def _bus_environment() -> dict[str, str]:
    return {
        "HOME": "/data",
        "HOSTNAME": "localhost",
        "RABBITMQ_NODENAME": "rabbit@localhost",
        "RABBITMQ_BASE": "/data",
        "RABBITMQ_MNESIA_BASE": "/data/mnesia",
        "RABBITMQ_LOG_BASE": "/data/log",
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_CONFIG_FILE": "/data/rabbitmq.conf",
        "RABBITMQ_ENABLED_PLUGINS_FILE": "/data/enabled_plugins",
        "RABBITMQ_NODE_IP_ADDRESS": config.LOOPBACK,
        "ERL_EPMD_ADDRESS": config.LOOPBACK,
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
        " -kernel inet_dist_use_interface {127,0,0,1}",
    }


def bus_configuration(password: str) -> str:
    """RabbitMQ's configuration: one user, whose password is in this file and nowhere else."""
    return "\n".join(
        [
            f"listeners.tcp.default = {config.LOOPBACK}:5672",
            "default_user = lab",
            f"default_pass = {password}",
            "log.console.level = warning",
            "vm_memory_high_watermark.absolute = 512MB",
            "disk_free_limit.absolute = 200MB",
            "heartbeat = 60",
            "",
        ]
    )
