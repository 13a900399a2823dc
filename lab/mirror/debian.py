"""Image layers of Debian packages, made by mmdebstrap from the package sources this machine is set up with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.mirror.store import recipe_key

SUITE = "trixie"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LEFT_OUT = ("usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/info/", "usr/share/lintian/",
            "var/cache/", "var/log/", "var/lib/apt/lists/", "dev/")  # fmt: skip


@dataclass(frozen=True)
class DebianLayer:
    """A layer with ``packages``; with ``below``, only what they add to that layer."""

    name: str
    packages: tuple[str, ...]
    below: DebianLayer | None = None

    @property
    def version(self) -> str:
        """The suite."""
        return SUITE

    @property
    def key(self) -> str:
        """Hash of the recipe."""
        return recipe_key(["debian", SUITE, self.all_packages, LEFT_OUT, self.below.key if self.below else ""])

    @property
    def all_packages(self) -> list[str]:
        """Packages of this layer and of those below."""
        return sorted({*self.packages, *(self.below.all_packages if self.below else ())})


def archive_addresses(sources: Sequence[str]) -> dict[str, str]:
    """``debian`` and ``security`` archives named in apt source files (both formats). Raises ValueError without them."""
    found: dict[str, str] = {}
    addresses: list[str] = []
    for text in sources:
        addresses += re.findall(r"^deb\s+(?:\[[^]]*\]\s+)?(https?://\S+)", text, flags=re.MULTILINE)
        for line in re.findall(r"^URIs:\s*(.+)$", text, flags=re.MULTILINE):
            addresses += line.split()
    for address in reversed(addresses):
        last = address.rstrip("/").rpartition("/")[2]
        if last == "debian":
            found["debian"] = address
        elif last == "debian-security":
            found["security"] = address
    missing = {"debian", "security"} - set(found)
    if missing:
        raise ValueError(f"apt's sources name no archive for {', '.join(sorted(missing))}; add it to sources.list")
    return found


def source_lines(addresses: dict[str, str], suite: str) -> list[str]:
    """Lines of a sources.list for ``suite`` with its updates and security fixes."""
    return [
        f"deb {addresses['debian']} {suite} main",
        f"deb {addresses['debian']} {suite}-updates main",
        f"deb {addresses['security']} {suite}-security main",
    ]


def host_sources() -> list[str]:
    """Contents of this machine's apt source files."""
    folder = Path("/etc/apt")
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    return [path.read_text() for path in files if path.is_file()]


def wanted(name: str) -> bool:
    """Whether an entry of the root file system belongs in an image."""
    return not name.removeprefix("./").startswith(LEFT_OUT) or name.rstrip("/").count("/") <= 1


def added_members(
    archive: tarfile.TarFile, below: dict[str, tuple[object, ...]]
) -> list[tuple[tarfile.TarInfo, tuple[object, ...]]]:
    """Members (with their signatures) of ``archive`` that an image holds and that ``below`` has not got alike."""
    found = []
    for member in archive:
        if wanted(member.name):
            sign = (member.type, member.mode, member.uid, member.gid, member.size, member.linkname, member.mtime)
            if below.get(member.name) != sign:
                found.append((member, sign))
    return sorted(found, key=lambda pair: pair[0].name)


def make_root(layer: DebianLayer, target: Path) -> None:
    """Run mmdebstrap: the root file system with all packages of ``layer`` and below, as a tar file."""
    command = [
        "nice", "-n", "10", "mmdebstrap", "--variant=essential", "--quiet", f"--include={','.join(layer.all_packages)}",
        f"--keyring={KEYRING}", "--aptopt=Apt::Install-Recommends false", "--aptopt=Acquire::Languages none",
        *(f"--dpkgopt=path-exclude=/{path}*" for path in LEFT_OUT if path.startswith("usr/share/")),
        SUITE, str(target), *source_lines(archive_addresses(host_sources()), SUITE),
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "SOURCE_DATE_EPOCH": "0"}
    )
    if done.returncode:
        raise RuntimeError(f"mmdebstrap for the layer {layer.name} failed:\n{done.stderr[-2000:]}")


def make_layer(root: Path, below_root: Path | None, target: Path) -> None:
    """Write the layer: what ``root`` (a tar file) holds for an image, less what ``below_root`` has already."""
    below: dict[str, tuple[object, ...]] = {}
    if below_root:
        with tarfile.open(below_root) as archive:
            below = {member.name: sign for member, sign in added_members(archive, {})}
    with tarfile.open(root) as source, tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as layer:
        for member, _ in added_members(source, below):
            content = source.extractfile(member) if member.isreg() else None
            member.name = member.name.removeprefix("./")
            if member.name:
                layer.addfile(member, content)


def make_package(name: str, version: str, programs: Mapping[str, Path], target: Path) -> None:
    """Write the Debian package ``target`` with programs (name: file) in /usr/bin."""
    tree = target.with_suffix(".tree")
    for folder in (tree / "DEBIAN", tree / "usr/bin"):
        folder.mkdir(parents=True, mode=0o755)
    control = {
        "Package": name,
        "Version": f"{version}-1",
        "Architecture": "amd64",
        "Maintainer": "AI_INFN platform maintainers <root@localhost>",
        "Description": "the programs of the release, built from source",
    }
    (tree / "DEBIAN/control").write_text("".join(f"{field}: {value}\n" for field, value in control.items()))
    for program, source in programs.items():
        shutil.copyfile(source, tree / "usr/bin" / program)
        (tree / "usr/bin" / program).chmod(0o755)
    command = ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(tree), str(target)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "SOURCE_DATE_EPOCH": "0"}
    )
    if done.returncode:
        raise RuntimeError(f"dpkg-deb for {name} failed:\n{done.stderr[-2000:]}")
    shutil.rmtree(tree)


def ca_bundle(root: Path) -> bytes:
    """The certificate bundle in a root file system (a tar file) that has the package ca-certificates."""
    with tarfile.open(root) as archive:
        stream = archive.extractfile("./etc/ssl/certs/ca-certificates.crt")
        if stream is None:
            raise RuntimeError("the root file system has no certificate bundle")
        return stream.read()


def need_commands(commands: dict[str, str], say: Callable[[str], object] = print) -> None:
    """Install the Debian packages (values) whose commands (keys) are missing; no service is started by that."""
    missing = [package for command, names in commands.items() if not shutil.which(command) for package in names.split()]
    if not missing:
        return
    say(f"mirror: installing {', '.join(missing)}")
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing]):
            subprocess.run(["apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments], env=environment, check=True,
                           stdout=subprocess.DEVNULL)  # fmt: skip
    finally:
        if ours:
            policy.unlink(missing_ok=True)
