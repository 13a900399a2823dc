"""The real nvidia-mig-parted, by the script that nvidia_mig_restore has run at boot, gives a host its slices again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.layout import Declared
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.mig_parted import record_of
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.profiles import MODELS

from lab import mirror
from lab.gpu import device
from lab.gpu.cards import cards
from tests.support import ROOT
from tests.unit.gpu.guest import Guest
from tests.unit.gpu.test_nvidia_mig import MIXED, cut, profiles, slices

Start = Callable[..., Guest]
LOCAL = """
for folder in bin sbin; do mount -t tmpfs tmpfs /usr/local/$folder; done
cp "$1" /usr/local/bin/ && ln -s "$2" "$3" /usr/local/sbin/
"""
SYSTEMCTL = '#!/bin/sh\n[ "$*" = "is-active --quiet kubelet.service" ] && [ "$KUBELET" = active ]\n'


class Host:
    """A guest with all that its boot needs to restore a layout."""

    def __init__(self, guest: Guest, model: str, parted: Path) -> None:
        self.guest, self.model, self._parted = guest, model, parted
        self.folder = guest.folder / "restore"
        shutil.copytree(ROOT / "lab/gpu/programs", self.folder / "programs")
        device.write_files(self.folder / "kernel", {"/proc/modules": device.modules("")})
        self.script, self._file, systemctl = (
            self.folder / name for name in ("restore", "config.yaml", "programs/systemctl")
        )
        systemctl.write_text(SYSTEMCTL)
        systemctl.chmod(0o755)
        self.script.write_text(script(model, self._file))
        self._install()

    def _install(self) -> None:
        programs = [self.folder / "programs" / name for name in ("nvidia-mig-parted", "systemctl")]
        done = self.guest.run("sh", "-euc", LOCAL, "sh", self._parted, *programs)
        assert done.returncode == 0, done.stderr

    def record(self, layout: Any, count: int) -> None:
        """Write what a boot restores, as the module nvidia_mig does."""
        self._file.write_text(record_of(Declared("guest", self.model, count, layout)) or "")

    def reboot(self) -> None:
        self.guest.reboot()
        self._install()

    def restore(self, kubelet: str = "inactive") -> CompletedProcess[str]:
        path = f"/usr/local/sbin:/usr/local/bin:{os.environ['PATH']}"
        return self.guest.run("sh", self.script, PATH=path, KUBELET=kubelet)

    def restored(self) -> str:
        """Restore, which must succeed, and return what was said."""
        done = self.restore()
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def refused(self, **more: str) -> str:
        """Restore, which must fail without a change, and return what was said."""
        before = slices(self.guest), self.guest.query("mig.mode.current", "mig.mode.pending")
        done = self.restore(**more)
        assert done.returncode == 1 and "Nothing was changed. Remedy: run gpu.yml." in done.stderr, done
        assert (slices(self.guest), self.guest.query("mig.mode.current", "mig.mode.pending")) == before
        return done.stderr


def script(model: str, file: Path) -> str:
    """Return the script as the role writes it."""
    variables = yaml.safe_load((ROOT / "roles/nvidia_mig_restore/vars/main.yml").read_text())
    known = {
        "gpu_model": model,
        "_nvidia_mig_restore_keep_mode": variables["_nvidia_mig_restore_keep_mode"],
        "nvidia_mig_restore_file": str(file),
    }
    loader = DataLoader()
    lookup = lookup_loader.get(
        "ai_infn.platform.role_template", loader=loader, templar=Templar(loader=loader, variables=known)
    )
    return str(lookup.run(["nvidia_mig_restore/nvidia-mig-restore.sh.j2"], variables=known)[0])


@pytest.fixture(scope="session")
def parted() -> Path:
    return mirror.built_program("nvidia-mig-parted")


@pytest.fixture
def host(start: Start, parted: Path) -> Callable[..., Host]:
    """A host with cards of one model."""

    def body(model: str, count: int = 1, passthrough: bool = False) -> Host:
        return Host(start(*[model] * count, passthrough=passthrough), model, parted)

    return body


@pytest.mark.parametrize("layout", ["all-1g.5gb", [{"slices": MIXED}]])
def test_slices_that_a_boot_took_are_there_again_and_no_run_changes_them(
    host: Callable[..., Host], layout: Any
) -> None:
    found = host("A100-40GB")
    cut(found.guest, layout)
    wanted = profiles(found.guest)
    found.record(layout, 1)
    found.reboot()
    assert profiles(found.guest) == []
    assert "applied successfully" in found.restored()
    assert profiles(found.guest) == wanted
    assert cut(found.guest, layout)["changed"] is False


def test_cards_that_are_right_are_not_touched(host: Callable[..., Host]) -> None:
    found = host("A100-40GB")
    cut(found.guest, "all-1g.5gb")
    found.record("all-1g.5gb", 1)
    before = slices(found.guest)
    found.guest.hold(before[0][1])
    assert found.restore(kubelet="active").returncode == 0
    assert slices(found.guest) == before


def test_every_card_of_a_host_gets_its_own_layout(host: Callable[..., Host]) -> None:
    layout = [{"cards": [0, 2], "slices": "all-1g.5gb"}, {"cards": [3], "slices": MIXED}]
    found = host("A100-40GB", 4)
    cut(found.guest, layout, count=4)
    found.record(layout, 4)
    found.reboot()
    found.restored()
    assert cut(found.guest, layout, count=4)["changed"] is False
    assert profiles(found.guest) == sorted(["1g.5gb"] * 14 + MIXED)
    assert found.guest.query("mig.mode.current", card=1) == ["Disabled"]


def test_nothing_is_cut_under_a_running_kubelet(host: Callable[..., Host]) -> None:
    found = host("A100-40GB")
    cut(found.guest, "all-1g.5gb")
    found.record([{"slices": MIXED}], 1)
    assert "pods may use them" in found.refused(kubelet="active")


def test_a_change_of_mode_that_a_reboot_completes_is_left_alone(host: Callable[..., Host]) -> None:
    found = host("A100-40GB", passthrough=True)
    found.record("off", 1)
    assert cut(found.guest, "all-1g.5gb")["reboot_required"]
    found.reboot()
    assert "have not the MIG mode" in found.refused()
    assert cut(found.guest, "all-1g.5gb")["reboot_required"] is False
    found.record("all-1g.5gb", 1)
    assert "currently applied" in found.restored()


def test_a_card_that_loses_its_mode_by_a_boot_gets_it_again(host: Callable[..., Host]) -> None:
    found = host("H100-80GB", 2)
    layout = [{"cards": [0], "slices": "all-1g.10gb"}]
    cut(found.guest, layout, count=2, model="H100-80GB")
    found.record(layout, 2)
    found.reboot()
    assert found.guest.query("mig.mode.current") == ["Disabled"]
    found.restored()
    assert cut(found.guest, layout, count=2, model="H100-80GB")["changed"] is False
    assert profiles(found.guest) == ["1g.10gb"] * 7


def test_a_card_that_cannot_be_cut_is_reported(host: Callable[..., Host]) -> None:
    found = host("A100-40GB")
    cut(found.guest, "all-1g.5gb")
    found.record("all-1g.5gb", 1)
    found.reboot()
    found.guest.fault(*(f"create-fails 0 {number}" for number in range(1, 40)))
    done = found.restore()
    assert done.returncode == 1 and "error setting MIGConfig" in done.stderr, done


@pytest.mark.parametrize("model", [name for name, model in MODELS.items() if model.profiles])
def test_every_profile_has_the_name_that_nvidia_mig_parted_knows(host: Callable[..., Host], model: str) -> None:
    table = MODELS[model].profiles
    layout = [{"cards": [card], "slices": [profile]} for card, profile in enumerate(table)]
    found = host(model, len(table))
    cut(found.guest, layout, count=len(table), model=model)
    found.record(layout, len(table))
    assert "currently applied" in found.restored()


def test_the_models_that_are_cut_and_whose_mode_outlives_a_boot_are_known() -> None:
    variables = yaml.safe_load((ROOT / "roles/nvidia_mig_restore/vars/main.yml").read_text())
    architectures = {name: cards("host", [name])[0].architecture for name, model in MODELS.items() if model.profiles}
    kept = {name: found == "ampere" for name, found in architectures.items()}
    assert variables["_nvidia_mig_restore_keep_mode"] == kept
