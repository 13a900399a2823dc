"""The databases of all services, laid out once (about two minutes) and kept; each new lab starts from a copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import python_environment, settings
from lab.commands import CommandError, run
from lab.openstack import build, config, daemons, services

DATABASES = ("keystone", "placement", "glance", "nova", "nova_api", "nova_cell0", "neutron", "cinder")
CELL = "{scheme}://{username}@{hostname}/%s?{query}"
"""Nova fills it from its own configuration, so that no address is kept in the database."""
BUS = "{scheme}://{username}:{password}@{hostname}:{port}/"
MIGRATIONS: dict[str, tuple[tuple[str, ...], ...]] = {
    "keystone": (("keystone-manage", "db_sync"),),
    "placement": (("placement-manage", "db", "sync"),),
    "glance": (("glance-manage", "db_sync"),),
    "nova": (
        ("nova-manage", "api_db", "sync"),
        ("nova-manage", "cell_v2", "map_cell0", "--database_connection", CELL % "nova_cell0"),
        (
            "nova-manage",
            "cell_v2",
            "create_cell",
            "--name",
            "cell1",
            "--transport-url",
            BUS,
            "--database_connection",
            CELL % "nova",
        ),
        ("nova-manage", "db", "sync"),
    ),
    "neutron": (("neutron-db-manage", "upgrade", "heads"),),
    "cinder": (("cinder-manage", "db", "sync"),),
}


def cached_folder() -> Path:
    """Where the laid-out databases are, or will be."""
    server = (build.daemons_folder().name, *daemons.DATABASE_OPTIONS)
    key = build.recipe_key(build.LOCK.read_bytes(), *server, repr(DATABASES), repr(MIGRATIONS))
    return build.CACHE / f"schema-{key}"


def ensure() -> Path:
    """Lay the databases out on a server of their own, unless that was done before with this recipe."""
    folder = cached_folder()
    if python_environment.is_complete(folder):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    data, work = folder / "data", folder / "work"
    data.mkdir(parents=True)
    work.mkdir()
    log = work / "log"
    run(
        build.inside_daemons(
            [
                "mariadb-install-db",
                "--no-defaults",
                "--user=root",
                "--datadir=/data",
                "--skip-test-db",
                "--auth-root-authentication-method=socket",
            ],
            {str(data): "/data"},
        ),
        log=log,
    )
    server = _serve(data, work, log)
    try:
        run(_client(work), stdin="".join(f"CREATE DATABASE {name};" for name in DATABASES))
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda item: _migrate(item[0], item[1], work), _longest_first()))
    finally:
        server.terminate()
        server.wait(60)
    shutil.rmtree(work)
    (folder / ".complete").touch()
    return folder


def restore() -> bool:
    """Give the lab its databases, unless it has them; True when they are fresh ones."""
    target = daemons.DATABASE_DATA
    if target.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(".mariadb.partial")
    shutil.rmtree(partial, ignore_errors=True)
    run(["cp", "-a", "--reflink=auto", cached_folder() / "data", partial])
    partial.rename(target)
    return True


def _longest_first() -> list[tuple[str, tuple[tuple[str, ...], ...]]]:
    order = ("neutron", "nova", "keystone", "cinder", "glance", "placement")
    return [(name, MIGRATIONS[name]) for name in order]


def _serve(data: Path, work: Path, log: Path) -> subprocess.Popen[bytes]:
    command = daemons.database_command(data, work, "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0")
    with log.open("a", encoding="utf-8") as stream:
        server = subprocess.Popen(command, stdout=stream, stderr=stream, env={**os.environ, settings.PROCESS_MARK: "1"})
    deadline = time.monotonic() + 60
    while not (work / "mysqld.sock").exists():
        if server.poll() is not None or time.monotonic() > deadline:
            raise CommandError(f"MariaDB does not start: see {log}")
        time.sleep(0.1)
    return server


def _client(work: Path) -> Sequence[str]:
    return build.inside_daemons(["mariadb", "--socket=/socket/mysqld.sock"], {str(work): "/socket"})


def _migrate(service: str, commands: Sequence[Sequence[str]], work: Path) -> None:
    socket = work / "mysqld.sock"
    sections = {"DEFAULT": {"transport_url": "rabbit://lab:none@127.0.0.1:5672/", "use_stderr": "true"}}
    for section, name in (("database", service), ("api_database", "nova_api"), ("placement_database", "placement")):
        sections[section] = {"connection": config.database(name, socket)}
    file = work / f"{service}.conf"
    file.write_text(config.render(sections), encoding="utf-8")
    bin_folder = build.environment_folder() / "bin"
    for command in commands:
        program, *rest = command
        run(
            [bin_folder / program, "--config-file", file, *rest],
            environment=services.environment() | {settings.PROCESS_MARK: "1"},
            log=work / f"{service}.log",
        )
