"""The machine image: a Debian root filesystem made by mmdebstrap, cached by its recipe and imported into podman.

The cloud offers one of Debian 13. Guests made by hand may have another suite of Debian.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from pathlib import Path

from lab import settings
from lab.machine import apt, podman

HERE = Path(__file__).parent
CACHE = settings.CACHE / "machine"
REPOSITORY_NAME = "localhost/ai-infn-lab/machine"
SUITE = "trixie"
LABEL = "Debian 13"


def packages(file: Path) -> list[str]:
    """Read a list of packages: words, with comments from a hash sign on."""
    lines = (line.partition("#")[0] for line in file.read_text(encoding="utf-8").splitlines())
    return [word for line in lines for word in line.split()]


def recipe(suite: str = SUITE) -> str:
    """A digest over all that the image is made from: files of this folder and the host's package sources."""
    digest = hashlib.sha256(f"{suite}\n{apt.sources(suite)}\n{settings.PACKAGE_PROXY}\n".encode())
    files = [HERE / "guest-packages", HERE / "customize.sh", *sorted((HERE / "rootfs").rglob("*"))]
    for file in files:
        if file.is_file():
            digest.update(f"{file.relative_to(HERE)} {os.access(file, os.X_OK)}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def archive(suite: str = SUITE) -> Path:
    """Where the image of the present recipe lies, or will lie."""
    return CACHE / f"{suite}-{recipe(suite)}.tar"


def reference(suite: str = SUITE) -> str:
    """The name under which podman knows the image of the present recipe."""
    return f"{REPOSITORY_NAME}:{suite}-{recipe(suite)}"


def ensure(suite: str = SUITE) -> str:
    """Build the image unless it is cached, import it into podman unless it is there, and return its reference."""
    CACHE.mkdir(parents=True, exist_ok=True)
    name = reference(suite)
    with (CACHE / "lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if podman.podman("images", "--quiet", name).strip():
            return name
        file = archive(suite)
        if not file.exists():
            build(file, suite)
        podman.podman("import", "--quiet", str(file), name)
    return name


def forget() -> None:
    """Remove the image from podman, in all its versions that no guest uses; the cached file stays."""
    for name in podman.podman("images", "--format={{.Repository}}:{{.Tag}}", REPOSITORY_NAME).split():
        podman.podman("rmi", name, check=False)


def build(target: Path, suite: str = SUITE) -> None:
    """Make the root filesystem as a tar file; older ones are dropped, as nobody asks for them again."""
    draft = target.with_suffix(".part.tar")
    options = [f"--aptopt={option}" for option in ('APT::Install-Recommends "false"', *apt.options())]
    command = [
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        *options,
        f"--include={','.join(packages(HERE / 'guest-packages'))}",
        f'--customize-hook=cp -a --no-preserve=ownership {HERE / "rootfs"}/. "$1"/',
        f'--customize-hook={HERE / "customize.sh"} "$1"',
        suite,
        str(draft),
        "-",
    ]
    environment = os.environ | {"LAB_PACKAGE_PROXY": settings.PACKAGE_PROXY}
    done = subprocess.run(
        command, env=environment, input=apt.sources(suite), capture_output=True, text=True, check=False
    )
    if done.returncode:
        draft.unlink(missing_ok=True)
        raise RuntimeError(f"mmdebstrap failed; the end of its output:\n{done.stderr[-3000:]}")
    draft.rename(target)
    for old in CACHE.glob(f"{suite}-*.tar"):
        if old != target:
            old.unlink()
