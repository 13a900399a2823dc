# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The NVIDIA kernel module of a host: which is loaded, which is on disk, and what makes the one the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

OPEN, PROPRIETARY = "open", "proprietary"

NOTHING, LOAD, REBOOT, MISSING = "nothing", "load", "reboot", "missing"
"""What a host needs: nothing, the module loaded, a reboot, or a module in the first place."""

Run = Callable[[Sequence[str]], str]
"""Runs a command; returns its standard output, nothing where it failed or is not there."""

SECURE_BOOT = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
"""EFI's variable; the GUID is EFI_GLOBAL_VARIABLE of the UEFI specification."""
TRUSTED = (
    "sys/firmware/efi/efivars/MokListRT*",
    "sys/firmware/efi/mok-variables/MokListRT*",
    "sys/firmware/efi/efivars/db-*",
)
"""Where shim and the firmware hold the certificates that a module may be signed with, as EFI signature lists."""
CERTIFICATE = "var/lib/dkms/mok.pub"
"""Certificate, in DER, of the key that dkms signs modules with."""


@dataclass(frozen=True)
class Module:
    """A kernel module by its version and whether it is the open or the proprietary one."""

    version: str
    flavour: str

    def __str__(self) -> str:
        return f"{self.version} ({self.flavour})"


@dataclass(frozen=True)
class Seen:
    """What is found on a host. ``installed`` is what modprobe would load into the running kernel.

    ``newer`` is a newer kernel on disk that has a module, "" where there is none.
    """

    kernel: str
    loaded: Optional[Module] = None
    installed: Optional[Module] = None
    newer: str = ""
    nouveau: bool = False


def needed(seen: Seen) -> tuple[str, str]:
    """Return what the host needs, and why in words."""
    if seen.installed is None and not seen.newer:
        return MISSING, f"no module is built for kernel {seen.kernel}"
    if seen.installed is None:
        return REBOOT, f"the module is built for kernel {seen.newer}, and {seen.kernel} runs"
    if seen.nouveau:
        return REBOOT, "nouveau is loaded and holds the cards"
    if seen.loaded is None:
        return LOAD, f"module {seen.installed} is not loaded"
    if seen.loaded != seen.installed:
        return REBOOT, f"module {seen.loaded} is loaded, and {seen.installed} installed"
    return NOTHING, ""


def flavour_of(license_text: str) -> str:
    """Return the flavour by the license that a module states: ``Dual MIT/GPL`` (open) or ``NVIDIA``."""
    return OPEN if "GPL" in license_text else PROPRIETARY


def loaded_module(text: str) -> Optional[Module]:
    """Return the module by the driver's own words, the content of /proc/driver/nvidia/version."""
    line = next((line for line in text.splitlines() if line.startswith("NVRM version:")), "")
    version = re.search(r"\s(\d+(?:\.\d+)+)\s", f"{line} ")
    if version is None:
        return None
    return Module(version.group(1), OPEN if "Open Kernel Module" in line else PROPRIETARY)


def module_name(shown: str) -> str:
    """Return name or path of the module that modprobe would load, from what ``modprobe --show-depends`` says.

    Debian's modules have names of their own, to which an ``install`` command leads: modinfo knows none named nvidia.
    """
    words = (shown.strip().splitlines() or [""])[-1].split()
    if words[:1] == ["insmod"]:
        return words[1]
    return next((word for word in reversed(words[1:]) if word[0] not in "-$"), "")


def is_on(variable: bytes) -> bool:
    """Whether an EFI variable of one byte, as efivarfs shows it behind four bytes of attributes, is set."""
    return variable[4:5] == b"\x01"


def order(kernel: str) -> tuple[int, ...]:
    """Return the numbers of a kernel's release, for comparison."""
    return tuple(int(number) for number in re.findall(r"\d+", kernel))


class Kernel:
    """A host's kernel and modules, read below ``root``."""

    def __init__(self, run: Run, root: Path = Path("/")) -> None:
        self._run = run
        self._root = root
        self.release = self._text("proc/sys/kernel/osrelease")

    def look(self) -> Seen:
        """Look at the modules."""
        installed = self.module(self.release)
        return Seen(
            kernel=self.release,
            loaded=loaded_module(self._text("proc/driver/nvidia/version")),
            installed=installed,
            newer="" if installed else self._newer(),
            nouveau=(self._root / "sys/module/nouveau").exists(),
        )

    def module(self, kernel: str) -> Optional[Module]:
        """Return the module that modprobe would load into a kernel, None where none is built for it."""
        name = module_name(self._run(["modprobe", "--show-depends", "--set-version", kernel, "nvidia"]))
        version = name and self._run(["modinfo", "-k", kernel, "-F", "version", name]).strip()
        if not version:
            return None
        return Module(version, flavour_of(self._run(["modinfo", "-k", kernel, "-F", "license", name])))

    def secure_boot(self) -> bool:
        """Whether the firmware lets the kernel load signed modules only; without EFI it does not."""
        return is_on(self._bytes(self._root / "sys/firmware/efi/efivars" / SECURE_BOOT))

    def key_enrolled(self) -> bool:
        """Whether the key that dkms signs with is among those that the firmware or shim trusts."""
        certificate = self._bytes(self._root / CERTIFICATE)
        return bool(certificate) and any(certificate in trusted for trusted in self._trusted())

    def _trusted(self) -> Iterable[bytes]:
        return (self._bytes(path) for pattern in TRUSTED for path in sorted(self._root.glob(pattern)))

    def _newer(self) -> str:
        kernels = (
            path.name for path in (self._root / "lib/modules").glob("*") if order(path.name) > order(self.release)
        )
        return next((kernel for kernel in sorted(kernels, key=order, reverse=True) if self.module(kernel)), "")

    def _text(self, path: str) -> str:
        return self._bytes(self._root / path).decode().strip()

    @staticmethod
    def _bytes(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return b""
