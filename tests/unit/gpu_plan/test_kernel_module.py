"""What a host's kernel modules need follows from what is found below /proc, /sys and /lib/modules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.kernel import (
    LOAD,
    MISSING,
    NOTHING,
    OPEN,
    PROPRIETARY,
    REBOOT,
    Kernel,
    Module,
    Seen,
    is_on,
    loaded_module,
    module_name,
    needed,
    order,
)

RUNNING, NEWER = "6.12.48+deb13-cloud-amd64", "6.12.117+deb13-cloud-amd64"
MODULE = Module("550.163.01", OPEN)
OPEN_DRIVER = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.163.01  Release Build  (root@gpu-1)  Tue Apr  8\n"
    "GCC version:  gcc version 14.2.0 (Debian 14.2.0-19)\n"
)
PROPRIETARY_DRIVER = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.01  Tue Apr  8 12:41:17 UTC 2025\n"
DEBIAN = "install modprobe -i nvidia-current-open $CMDLINE_OPTS \n"


class Host:
    """A host's trees below a folder, and what kmod says of modules by kernel."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.modules: dict[str, tuple[str, str]] = {}
        self.shown = DEBIAN
        self.write("proc/sys/kernel/osrelease", f"{RUNNING}\n")
        (root / "lib/modules" / RUNNING).mkdir(parents=True)

    def write(self, path: str, content: str | bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(content if isinstance(content, bytes) else content.encode())

    def run(self, command: Sequence[str]) -> str:
        if command[0] == "modprobe":
            return self.shown
        assert command[:2] == ["modinfo", "-k"] and command[5] == "nvidia-current-open"
        version, license_text = self.modules.get(command[2], ("", ""))
        return {"version": version, "license": license_text}[command[4]] + "\n"

    def kernel(self) -> Kernel:
        return Kernel(self.run, self.root)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host without EFI, driver and module."""
    return Host(tmp_path)


@pytest.mark.parametrize(
    ("seen", "action", "words"),
    [
        (Seen(RUNNING, MODULE, MODULE), NOTHING, ""),
        (Seen(RUNNING, None, MODULE), LOAD, r"550\.163\.01 \(open\) is not loaded"),
        (Seen(RUNNING, Module("550.90.07", OPEN), MODULE), REBOOT, r"550\.90\.07 .*loaded, and 550\.163\.01"),
        (
            Seen(RUNNING, Module("550.163.01", PROPRIETARY), MODULE),
            REBOOT,
            r"\(proprietary\) is loaded, and .*\(open\)",
        ),
        (Seen(RUNNING, None, MODULE, nouveau=True), REBOOT, "nouveau"),
        (Seen(RUNNING, MODULE, None, newer=NEWER), REBOOT, "for kernel 6.12.117"),
        (Seen(RUNNING, None, None, newer=NEWER, nouveau=True), REBOOT, "for kernel 6.12.117"),
        (Seen(RUNNING, None, None, nouveau=True), MISSING, "no module is built for kernel 6.12.48"),
        (Seen(RUNNING, MODULE, None), MISSING, "no module is built"),
    ],
)
def test_only_what_a_loaded_module_cannot_become_needs_a_reboot(seen: Seen, action: str, words: str) -> None:
    found, reason = needed(seen)
    assert found == action
    assert re.search(words, reason) if words else not reason


@pytest.mark.parametrize(
    ("text", "module"),
    [
        (OPEN_DRIVER, MODULE),
        (PROPRIETARY_DRIVER, Module("550.163.01", PROPRIETARY)),
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.86  Fri\n", Module("535.86", PROPRIETARY)),
        ("", None),
        ("no such words\n", None),
    ],
)
def test_the_loaded_driver_says_version_and_flavour(text: str, module: Module | None) -> None:
    assert loaded_module(text) == module


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        (DEBIAN, "nvidia-current-open"),
        (
            "insmod /lib/modules/6/ecc.ko.xz \ninsmod /lib/modules/6/nvidia.ko.xz NVreg_X=1\n",
            "/lib/modules/6/nvidia.ko.xz",
        ),
        ("", ""),
    ],
)
def test_modprobe_tells_under_which_name_it_loads_the_module(shown: str, name: str) -> None:
    assert module_name(shown) == name


def test_kernels_are_compared_by_their_numbers() -> None:
    assert order(NEWER) > order(RUNNING) > order("6.9.7-1-amd64")


def test_a_host_before_its_driver_has_nothing(host: Host) -> None:
    assert host.kernel().look() == Seen(RUNNING)
    host.shown = ""
    assert host.kernel().look() == Seen(RUNNING)


def test_a_host_is_read(host: Host) -> None:
    host.write("proc/driver/nvidia/version", PROPRIETARY_DRIVER)
    host.write("sys/module/nouveau/initstate", "live\n")
    host.modules[RUNNING] = ("550.163.01", "Dual MIT/GPL")
    seen = host.kernel().look()
    assert seen == Seen(RUNNING, Module("550.163.01", PROPRIETARY), MODULE, nouveau=True)


def test_the_license_tells_the_flavour_on_disk(host: Host) -> None:
    host.modules[RUNNING] = ("550.163.01", "NVIDIA")
    assert host.kernel().module(RUNNING) == Module("550.163.01", PROPRIETARY)


def test_a_module_for_a_newer_kernel_is_found_and_one_for_an_older_does_not_count(host: Host) -> None:
    for kernel in (NEWER, "6.12.9+deb13-cloud-amd64", "6.12.63+deb13-cloud-amd64"):
        (host.root / "lib/modules" / kernel).mkdir()
    host.modules["6.12.9+deb13-cloud-amd64"] = ("550.163.01", "NVIDIA")
    assert host.kernel().look().newer == ""
    host.modules["6.12.63+deb13-cloud-amd64"] = host.modules[NEWER] = ("550.163.01", "NVIDIA")
    assert host.kernel().look().newer == NEWER


@pytest.mark.parametrize(
    ("variable", "on"), [(b"\6\0\0\0\1", True), (b"\6\0\0\0\0", False), (b"", False), (b"\1", False)]
)
def test_secure_boot_is_the_byte_behind_the_attributes(host: Host, variable: bytes, on: bool) -> None:
    assert is_on(variable) is on
    assert not host.kernel().secure_boot()
    host.write("sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", variable)
    assert host.kernel().secure_boot() is on


@pytest.mark.parametrize(
    "trusted",
    [
        "sys/firmware/efi/efivars/MokListRT-605dab50-e046-4300-abb6-3dd810dd8b23",
        "sys/firmware/efi/mok-variables/MokListRT1",
        "sys/firmware/efi/efivars/db-d719b2cb-3d3a-4596-a3bc-dad00e67656f",
    ],
)
def test_a_key_is_enrolled_when_firmware_or_shim_hold_its_certificate(host: Host, trusted: str) -> None:
    certificate = b"0\x82\x03\x07 a certificate"
    host.write(trusted, b"\6\0\0\0 another, then " + certificate + b" and more")
    assert not host.kernel().key_enrolled()
    host.write("var/lib/dkms/mok.pub", b"0\x82\x03\x07 one that nobody enrolled")
    assert not host.kernel().key_enrolled()
    host.write("var/lib/dkms/mok.pub", certificate)
    assert host.kernel().key_enrolled()
