"""Image layers of libraries that a lock names: a virtual environment of Python, a folder of Node's modules."""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lab.commands import run
from lab.mirror.debian import DebianLayer
from lab.mirror.oci import LayerFile
from lab.mirror.store import recipe_key, sha256_of

PYTHON_VERSION = "3.13"
"""That of the suite of DebianLayer."""
WHEELS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_24_x86_64", "manylinux_2_17_x86_64",
          "manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64")  # fmt: skip
"""Platforms whose wheels run in that suite."""
UV = "usr/local/bin/uv"


@dataclass(frozen=True)
class LibraryLayer(ABC):
    """A layer with what the lock in ``folder`` names, at ``/opt/NAME``, over packages that have its interpreter."""

    name: str
    folder: Path
    below: DebianLayer
    lock: ClassVar[str]

    @property
    def path(self) -> str:
        """Where it is in the image."""
        return f"/opt/{self.name}"

    @property
    def key(self) -> str:
        """Hash of the recipe."""
        return recipe_key([self.name, self.lock, sha256_of(self.folder / self.lock), PYTHON_VERSION, self.below.key])

    @abstractmethod
    def files(self, scratch: Path, root: Callable[[], Path]) -> list[LayerFile]:
        """Make it in the folder ``scratch``; ``root`` gives the root file system below as a tar file.

        Raises CommandError.
        """


class PythonLayer(LibraryLayer):
    """A virtual environment, byte-compiled, so that the first start of each pod does not do it."""

    lock = "requirements.lock"

    def files(self, scratch: Path, root: Callable[[], Path]) -> list[LayerFile]:
        """Download wheels here and install them in the root file system, without a network and with its own Python."""
        lock = self.folder / self.lock
        wheels = scratch / "root" / "wheels"
        wheels.mkdir(parents=True)
        platforms = [word for one in WHEELS for word in ("--platform", one)]
        words = f"--quiet --no-deps --only-binary :all: --require-hashes --python-version {PYTHON_VERSION}"
        run(
            [sys.executable, "-m", "pip", "download", *words.split(), *platforms, "--dest", wheels, "-r", lock],
            timeout=1800,
        )
        with tarfile.open(root()) as archive:
            archive.extractall(scratch / "root")  # noqa: S202 (made here a moment ago)
        shutil.copy2(Path(sys.executable).parent / "uv", scratch / "root" / UV)
        shutil.copy2(lock, wheels)
        offline = "--quiet --offline --no-cache"
        sync = f"--no-index --find-links /wheels --require-hashes --link-mode copy --python {self.path}"
        for line in (
            f"/{UV} venv {offline} --python /usr/bin/python3 {self.path}",
            f"/{UV} pip sync {offline} {sync} /wheels/requirements.lock",
            f"/usr/bin/python3 -m compileall -q --invalidation-mode unchecked-hash {self.path}",
        ):
            run(["chroot", scratch / "root", *line.split()], environment={"PATH": os.environ["PATH"]}, timeout=1800)
        return tree(scratch / "root", self.path)


class NodeLayer(LibraryLayer):
    """Modules of Node, without running what they would run when they are installed."""

    lock = "package-lock.json"

    def files(self, scratch: Path, root: Callable[[], Path]) -> list[LayerFile]:
        """Install them with npm, as its lock says."""
        target = scratch / self.path.lstrip("/")
        target.mkdir(parents=True)
        for name in ("package.json", self.lock):
            shutil.copy2(self.folder / name, target)
        run(
            ["npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", target], timeout=1800
        )
        return tree(scratch, self.path)


def tree(root: Path, path: str) -> list[LayerFile]:
    """All files and symbolic links below ``path`` in a root file system."""
    found = []
    for one in sorted((root / path.lstrip("/")).rglob("*")):
        name = f"/{one.relative_to(root)}"
        if one.is_symlink():
            found.append(LayerFile(name, link=str(one.readlink())))
        elif one.is_file():
            found.append(LayerFile(name, source=one, mode=0o755 if one.stat().st_mode & 0o100 else 0o644))
    return found
