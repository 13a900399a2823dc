"""The real nvidia-smi, from Debian's non-free archive, through whatever mirror this machine uses."""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
from pathlib import Path

from lab.gpu.build import CACHE, DRIVER_VERSION
from lab.machine import apt
from lab.machine.image import SUITE
from lab.mirror.store import Store, recipe_key

PACKAGE = "nvidia-smi"
PROGRAM = "usr/lib/nvidia/current/nvidia-smi"
"""Path in the package, which leaves it to Debian's alternatives to have it in PATH."""


def component(sources: str, name: str) -> str:
    """One-line package sources with ``name`` as their only component."""
    return re.sub(r"^(deb \S+ \S+).*$", rf"\1 {name}", sources, flags=re.MULTILINE)


def ensure() -> Path:
    """Path of the program, which runs on Debian 12 and later; downloaded unless it is cached."""
    CACHE.mkdir(parents=True, exist_ok=True)
    store = Store(CACHE)
    entry = store.entry(PACKAGE, DRIVER_VERSION, recipe_key([PACKAGE, SUITE]))
    with (CACHE / "lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if store.made(entry) is None:
            with store.making(entry) as (folder, _):
                _download(folder)
                (package,) = folder.glob(f"{PACKAGE}_{DRIVER_VERSION}-*.deb")
                _run(["dpkg-deb", "--extract", str(package), str(folder)], folder)
                shutil.rmtree(folder / "apt")
                package.unlink()
    return entry / PROGRAM


def _download(folder: Path) -> None:
    state = folder / "apt"
    for name in ("lists/partial", "archives/partial"):
        (state / name).mkdir(parents=True)
    (state / "status").touch()
    (state / "sources.list").write_text(component(apt.sources(SUITE), "non-free"), encoding="utf-8")
    settings = {
        "Dir::Etc::SourceList": state / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State": state,
        "Dir::State::Lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": state,
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    _run(["apt-get", *options, "-qq", "update"], folder)
    _run(["apt-get", *options, "-qq", "download", PACKAGE], folder)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:1])} failed for {PACKAGE}:\n{done.stderr[-2000:]}")
