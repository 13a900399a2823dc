"""What the role declares for a host, by the kernel module that the host shall have."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.support import ROOT

ROLE = ROOT / "roles" / "nvidia_driver"
USER_SPACE = ["nvidia-smi", "libcuda1", "nvidia-persistenced"]


def trusted(value: Any) -> Any:
    """Return a value of a role's file as Ansible reads it: its strings are templates."""
    if isinstance(value, dict):
        return {key: trusted(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [trusted(entry) for entry in value]
    return trust_as_template(value) if isinstance(value, str) else value


def declared(name: str, **options: Any) -> Any:
    """Return a variable of the role as a host with options has it."""
    variables: dict[str, Any] = {}
    for folder in ("defaults", "vars"):
        variables |= trusted(yaml.safe_load((ROLE / folder / "main.yml").read_text()))
    variables |= {"__nvidia_driver_state": {"kernel": "6.12.48+deb13-cloud-amd64", "packages": {}}} | options
    return Templar(loader=DataLoader(), variables=variables).template(trust_as_template("{{ " + name + " }}"))


@pytest.mark.parametrize(
    ("kernel_module", "held", "headers"),
    [
        ("open", ["nvidia-open-kernel-dkms", "nvidia-open-kernel-support"], ["linux-headers-cloud-amd64"]),
        ("proprietary", ["nvidia-kernel-dkms", "nvidia-kernel-support"], ["linux-headers-cloud-amd64"]),
        ("none", [], []),
    ],
)
def test_the_kernel_module_decides_the_packages(kernel_module: str, held: list[str], headers: list[str]) -> None:
    options = {"nvidia_driver_kernel_module": kernel_module}
    assert declared("nvidia_driver_held_packages", **options) == held + USER_SPACE
    assert declared("nvidia_driver_declared_packages", **options) == held + USER_SPACE + headers


@pytest.mark.parametrize(
    ("kernel", "package"),
    [
        ("6.12.48+deb13-amd64", "linux-headers-amd64"),
        ("6.12.48+deb13-cloud-amd64", "linux-headers-cloud-amd64"),
        ("6.12.48+deb13-arm64", "linux-headers-arm64"),
    ],
)
def test_the_headers_are_those_of_the_kind_of_kernel_that_runs(kernel: str, package: str) -> None:
    state = {"kernel": kernel, "packages": {}}
    assert declared("nvidia_driver_declared_packages", __nvidia_driver_state=state)[-1] == package


@pytest.mark.parametrize(
    ("kernel_module", "others"),
    [
        ("open", ["nvidia-kernel-dkms", "nvidia-kernel-support"]),
        ("proprietary", ["nvidia-open-kernel-dkms", "nvidia-open-kernel-support"]),
        ("none", []),
    ],
)
def test_no_second_kernel_module_stays(kernel_module: str, others: list[str]) -> None:
    assert declared("_nvidia_driver_other_modules", nvidia_driver_kernel_module=kernel_module) == others


@pytest.mark.parametrize("kernel_module", ["open", "proprietary", "none"])
def test_nouveau_is_kept_away_from_the_cards_where_the_module_is_ours(kernel_module: str) -> None:
    (nouveau, *_) = declared("nvidia_driver_module_part", nvidia_driver_kernel_module=kernel_module)["files"]
    assert nouveau["apply"] == "update-initramfs -u -k all"
    if kernel_module == "none":
        assert nouveau["content"] is None
    else:
        assert nouveau["content"].splitlines()[1:] == ["blacklist nouveau", "options nouveau modeset=0"]
