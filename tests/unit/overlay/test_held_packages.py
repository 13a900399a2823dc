"""Packages are put on hold once, and only those that are installed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.host import Package
from ansible_collections.ai_infn.platform.plugins.modules.host_setup import hold

INSTALLED = {
    "nvidia-smi": Package("550.163.01-2", False),
    "libcuda1": Package("550.163.01-2", True),
    "haproxy": Package("3.0.11-1", False),
}


class Apt:
    """Stands for a module, and records its commands."""

    def __init__(self, names: list[str], check_mode: bool) -> None:
        self.params: dict[str, Any] = {"hold": names}
        self.check_mode = check_mode
        self.commands: list[list[str]] = []

    def run_command(self, command: list[str]) -> tuple[int, str, str]:
        self.commands.append(command)
        return 0, "", ""


@pytest.mark.parametrize("check_mode", [False, True])
def test_what_is_not_held_is_held_by_one_command(check_mode: bool) -> None:
    apt = Apt(["nvidia-smi", "libcuda1", "nvidia-persistenced"], check_mode)
    assert hold(apt, INSTALLED) == ["nvidia-smi"]
    assert apt.commands == ([] if check_mode else [["apt-mark", "hold", "nvidia-smi"]])


@pytest.mark.parametrize("names", [[], ["libcuda1"], ["nvidia-persistenced"]])
def test_nothing_is_run_where_all_are_held(names: list[str]) -> None:
    apt = Apt(names, False)
    assert hold(apt, INSTALLED) == []
    assert apt.commands == []
