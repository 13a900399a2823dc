"""Debian packages of the machine that the lab needs; their services are not started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.commands import run
from lab.machine import image
from lab.mirror import SERVE_COMMANDS

POLICY = Path("/usr/sbin/policy-rc.d")
OWN = ("bubblewrap", "procps")
"""bubblewrap shows MariaDB and RabbitMQ their own file system."""


def wanted() -> list[str]:
    """Names of all packages, sorted."""
    machine = image.packages(Path(image.__file__).with_name("packages"))
    mirror = [package for packages in SERVE_COMMANDS.values() for package in packages.split()]
    return sorted({*OWN, *machine, *mirror})


def installed() -> set[str]:
    """Names of the packages that dpkg has fully installed."""
    listed = run(["dpkg-query", "--show", "--showformat=${binary:Package} ${db:Status-Status}\\n"])
    pairs = (line.split() for line in listed.splitlines())
    return {pair[0].partition(":")[0] for pair in pairs if pair[1:] == ["installed"]}


def ensure() -> str:
    """Install what is missing and say what that was."""
    missing = [name for name in wanted() if name not in installed()]
    if not missing:
        return ""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _no_services():
        options = ["-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold"]
        run(["apt-get", *options, "update"], environment=environment)
        run(
            ["apt-get", *options, "install", "--yes", "--no-install-recommends", *missing],
            environment=environment,
            timeout=1800,
        )
    return f"installed {' '.join(missing)}"


@contextmanager
def _no_services() -> Iterator[None]:
    """Keep maintainer scripts from starting daemons, as in an image build."""
    if POLICY.exists() or not shutil.which("apt-get"):
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
