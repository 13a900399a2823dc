"""What the cloud is made of, built once and cached by recipe: OpenStack's Python environment and the Debian daemons."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection
from pathlib import Path

from lab import python_environment, settings
from lab.commands import run

CACHE = settings.CACHE / "openstack"
LOCK = Path(__file__).with_name("requirements.lock")
DAEMON_PACKAGES = ("mariadb-server-core", "mariadb-client-core", "rabbitmq-server")
DAEMON_SUITE = "bookworm"


def recipe_key(*parts: str | bytes) -> str:
    """A short name for what a recipe makes: equal recipes, equal name."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def environment_folder() -> Path:
    """Where OpenStack's Python environment is, or will be."""
    return CACHE / f"venv-{recipe_key(LOCK.read_bytes())}"


def daemons_folder() -> Path:
    """Where the root file system with MariaDB and RabbitMQ is, or will be."""
    return CACHE / f"daemons-{recipe_key(DAEMON_SUITE, *DAEMON_PACKAGES)}"


def ensure_environment() -> Path:
    """Have OpenStack installed from the lock; its first start would take 40 s if it were not byte-compiled."""
    return python_environment.ensure(environment_folder(), LOCK)


def ensure_daemons() -> Path:
    """Unpack MariaDB and RabbitMQ into a folder of their own: the machine gets no service and no user."""
    folder = daemons_folder()
    if python_environment.is_complete(folder):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    run(
        [
            "mmdebstrap",
            "--quiet",
            "--variant=essential",
            "--mode=root",
            f"--include={','.join(DAEMON_PACKAGES)}",
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/locale/*",
            DAEMON_SUITE,
            folder,
            *_package_sources(),
        ],
        timeout=1800,
    )
    for mount_point in ("data", "socket"):
        (folder / mount_point).mkdir()
    (folder / "etc/hosts").write_text("127.0.0.1 localhost\n", encoding="utf-8")
    (folder / ".complete").touch()
    return folder


def inside_daemons(command: list[str], writable: dict[str, str]) -> list[str]:
    """``command`` as it runs in the daemons' file system, which is read-only but for the ``writable`` folders.

    ``writable`` maps folders of this machine to where the command sees them.
    """
    binds = [part for source, target in writable.items() for part in ("--bind", source, target)]
    return [
        "bwrap",
        "--die-with-parent",
        "--ro-bind",
        str(daemons_folder()),
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
        "--tmpfs",
        "/tmp",  # noqa: S108
        "--tmpfs",
        "/run",
        *binds,
        "--",
        *command,
    ]


def _package_sources() -> list[Path]:
    """The machine's own package sources: the lab asks for nothing from anywhere else."""
    listed = Path("/etc/apt/sources.list")
    sources = sorted(Path("/etc/apt/sources.list.d").glob("debian*.sources"))
    if listed.exists() and listed.read_text(encoding="utf-8").strip():
        sources.insert(0, listed)
    return sources


def prune(keep: Collection[Path]) -> None:
    """Remove what other recipes made; called when everything runs from ``keep``."""
    for old in CACHE.iterdir():
        if old not in keep:
            shutil.rmtree(old, ignore_errors=True)
