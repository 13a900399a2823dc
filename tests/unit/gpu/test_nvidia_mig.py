"""The module nvidia_mig cuts simulated cards through the driver's library, and takes back what it could not finish."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import ROOT
from tests.unit.gpu.guest import Guest

Start = Callable[..., Guest]
RUN = """
import json, sys
sys.path.insert(0, sys.argv[1])
from ansible.module_utils.testing import patch_module_args
from ansible_collections.ai_infn.platform.plugins.modules import nvidia_mig
with patch_module_args(json.loads(sys.argv[2])):
    nvidia_mig.main()
"""
MIXED = ["3g.20gb", "2g.10gb", "1g.5gb", "1g.5gb"]


def cut(
    guest: Guest, layout: Any, count: int = 1, check: bool = False, programs: str = "", **more: Any
) -> dict[str, Any]:
    """Return what the module answers; it finds programs of the folder ``programs`` before others."""
    arguments = {"model": "A100-40GB", "count": count, "layout": layout, "_ansible_check_mode": check, **more}
    path = os.pathsep.join(filter(None, (programs, str(guest.program.parent), os.environ["PATH"])))
    collections = ROOT / ".ansible" / "collections"
    done = guest.run(sys.executable, "-c", RUN, collections, json.dumps(arguments), PATH=path)
    assert done.stdout.strip().startswith("{"), done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def slices(guest: Guest) -> list[tuple[str, str]]:
    """Return profile and UUID of every MIG device, as nvidia-smi lists them."""
    return re.findall(r"MIG (\S+) .*?(MIG-[0-9a-f-]{36})", guest.smi("-L"))


def profiles(guest: Guest) -> list[str]:
    return sorted(profile for profile, _uuid in slices(guest))


def test_a_card_is_cut_once_and_then_left_alone(start: Start) -> None:
    guest = start("A100-40GB")
    first = cut(guest, "all-1g.5gb")
    assert first["changed"] and not first["reboot_required"], first
    assert profiles(guest) == ["1g.5gb"] * 7
    assert cut(guest, "all-1g.5gb")["changed"] is False


def test_check_mode_shows_the_steps_and_changes_nothing(start: Start) -> None:
    guest = start("A100-40GB")
    cut(guest, "all-1g.5gb")
    before = slices(guest)
    shown = cut(guest, [{"slices": MIXED}], check=True)
    assert shown["changed"] and "create GPU instance card 0: 3g.20gb@4" in "\n".join(shown["steps"]), shown["steps"]
    assert shown["diff"][0]["before"].startswith("card 0: 1g.5gb@0")
    assert slices(guest) == before


def given(folder: Path, **holders: str) -> dict[str, Any]:
    """Return the module's arguments on a host whose living pods hold a device each."""
    entries = [
        {"PodUID": pod, "ResourceName": "nvidia.com/mig-1g.5gb", "DeviceIDs": {"-1": [device]}}
        for pod, device in holders.items()
    ]
    path = folder / "checkpoint"
    path.write_text(json.dumps({"Data": {"PodDeviceEntries": entries}}), encoding="utf-8")
    return {"checkpoint": str(path), "pods": [{"uid": pod, "name": f"jobs/{pod}"} for pod in holders]}


def test_slices_that_stay_keep_their_uuid_and_those_that_pods_hold_stay_first(start: Start, tmp_path: Path) -> None:
    guest = start("A100-40GB")
    cut(guest, "all-1g.5gb")
    held = [uuid for _profile, uuid in slices(guest)][2:4]
    done = cut(guest, [{"slices": MIXED}], **given(tmp_path, one=held[0], two=held[1]))
    assert profiles(guest) == sorted(MIXED)
    assert {uuid for profile, uuid in slices(guest) if profile == "1g.5gb"} == set(held)
    assert set(done["affected"]).isdisjoint(held) and len(done["affected"]) == 5
    assert done["holders"] == []


def test_while_a_pod_holds_what_changes_nothing_is_changed(start: Start, tmp_path: Path) -> None:
    guest = start("A100-40GB")
    cut(guest, "all-1g.5gb")
    before = slices(guest)
    pods = given(tmp_path, stays=before[0][1], leaves=before[6][1])
    wanted = [{"slices": {"4g.20gb": 1, "1g.5gb": 3}}]
    assert cut(guest, wanted, check=True, **pods)["holders"] == ["stays"]
    failed = cut(guest, wanted, **pods)
    assert "pods hold what has to change: jobs/stays." in failed["msg"], failed
    assert slices(guest) == before
    gone = {**pods, "pods": [pod for pod in pods["pods"] if pod["uid"] == "leaves"]}
    assert cut(guest, wanted, **gone)["changed"]
    assert before[6] in slices(guest)


SYSTEMCTL = """#!/bin/sh
echo "$1" >>"${0%/*}/asked"
case $1 in list-units) echo "nvidia-persistenced.service loaded active running x" ;; esac
"""


def test_services_that_use_the_cards_are_stopped_and_come_back_also_where_a_step_fails(
    start: Start, tmp_path: Path
) -> None:
    guest = start("A100-40GB")
    cut(guest, "all-1g.5gb")
    program, asked = tmp_path / "systemctl", tmp_path / "asked"
    program.write_text(SYSTEMCTL, encoding="utf-8")
    program.chmod(0o755)
    services: dict[str, Any] = {
        "programs": str(tmp_path),
        "services": ["nvidia-persistenced.service", "nvidia-dcgm.service"],
    }
    cut(guest, "all-1g.5gb", **services)
    assert not asked.exists()
    guest.fault("create-fails 0 2")
    assert cut(guest, [{"slices": MIXED}], **services)["failed"]
    assert asked.read_text(encoding="utf-8").split() == ["list-units", "stop", "start"]


PKILL = """#!/bin/sh
echo "$*" >>"${0%/*}/told"
exit 1
"""


def test_who_observes_the_cards_is_told_of_each_attempt_to_cut_and_of_nothing_else(
    start: Start, tmp_path: Path
) -> None:
    guest = start("A100-40GB")
    program, told = tmp_path / "pkill", tmp_path / "told"
    program.write_text(PKILL, encoding="utf-8")
    program.chmod(0o755)
    observers: dict[str, Any] = {"programs": str(tmp_path), "observers": ["nvidia-device-plugin", "discovery"]}
    cut(guest, "all-1g.5gb", check=True, **observers)
    cut(guest, "all-1g.5gb", state="planned", **observers)
    assert not told.exists()
    cut(guest, "all-1g.5gb", **observers)
    cut(guest, "all-1g.5gb", **observers)
    line = "--signal HUP --full (^|/)(nvidia\\-device\\-plugin|discovery)$"
    assert told.read_text(encoding="utf-8").splitlines() == [line]
    guest.fault("create-fails 0 2")
    assert cut(guest, [{"slices": MIXED}], **observers)["failed"]
    assert told.read_text(encoding="utf-8").splitlines() == [line, line]


def test_a_layout_is_on_record_once_the_cards_have_it(start: Start, tmp_path: Path) -> None:
    guest = start("A100-40GB", passthrough=True)
    path = tmp_path / "etc" / "config.yaml"
    record: dict[str, Any] = {"record": str(path)}
    planned = cut(guest, "all-1g.5gb", state="planned", **record)
    assert planned["steps"] and not planned["changed"] and planned["diff"] == [] and not path.exists()
    assert cut(guest, "all-1g.5gb", **record)["reboot_required"] and not path.exists()
    guest.reboot()
    cut(guest, "all-1g.5gb")
    shown = cut(guest, "all-1g.5gb", state="planned", check=True, **record)
    assert shown["changed"] and '"1g.5gb": 7' in shown["diff"][0]["after"] and not path.exists()
    assert cut(guest, "all-1g.5gb", state="planned", **record)["changed"]
    assert '"1g.5gb": 7' in path.read_text(encoding="utf-8")
    assert not cut(guest, "all-1g.5gb", state="planned", **record)["changed"]
    guest.fault("create-fails 0 2")
    assert cut(guest, [{"slices": MIXED}], **record)["failed"]
    assert '"1g.5gb": 7' in path.read_text(encoding="utf-8")
    guest.fault()
    assert cut(guest, [{"slices": MIXED}], **record)["changed"]
    assert '"3g.20gb": 1' in path.read_text(encoding="utf-8")


def test_a_plan_is_not_carried_out_on_cards_that_changed_meanwhile(start: Start) -> None:
    guest = start("A100-40GB")
    cut(guest, "all-1g.5gb")
    planned = cut(guest, [{"slices": MIXED}], check=True)
    assert planned["restorable"]
    guest.reboot()
    failed = cut(guest, [{"slices": MIXED}], planned_from=planned["state"])
    assert failed["failed"] and "or the host was rebooted" in failed["msg"], failed
    assert slices(guest) == []
    assert cut(guest, [{"slices": MIXED}], check=True)["restorable"] is False


def test_a_card_becomes_whole_and_is_cut_again_beside_one_that_is_not_touched(start: Start) -> None:
    guest = start("A100-40GB", "A100-40GB")
    cut(guest, [{"slices": MIXED}], count=2)
    kept = [uuid for _profile, uuid in slices(guest)][4:]
    half = [{"cards": [1], "slices": MIXED}]
    assert cut(guest, half, count=2)["before"] == [{"cards": [n], "slices": MIXED} for n in (0, 1)]
    assert guest.query("mig.mode.current", card=0) == ["Disabled"]
    assert [uuid for _profile, uuid in slices(guest)] == kept


def test_a_creation_that_fails_half_way_leaves_the_old_layout_and_names_the_step(start: Start) -> None:
    guest = start("A100-40GB")
    cut(guest, "all-1g.5gb")
    guest.fault("create-fails 0 2")
    failed = cut(guest, [{"slices": MIXED}])
    assert failed["failed"] and "could not create GPU instance card 0: 2g.10gb" in failed["msg"], failed
    assert "What was done before it has been taken back." in failed["msg"]
    assert profiles(guest) == ["1g.5gb"] * 7


def test_a_slice_in_use_is_not_destroyed_and_the_card_is_as_it_was(start: Start) -> None:
    guest = start("A100-40GB")
    cut(guest, "all-1g.5gb")
    guest.hold(slices(guest)[6][1])
    failed = cut(guest, "off")
    assert failed["failed"] and "In use by another client" in failed["msg"], failed
    assert profiles(guest) == ["1g.5gb"] * 7


def test_a_busy_card_refuses_the_mode_and_does_not_take_it_at_the_next_reboot(start: Start) -> None:
    guest = start("A100-40GB")
    guest.fault("busy 0")
    failed = cut(guest, "all-1g.5gb")
    assert failed["failed"] and "the card is in use by another process" in failed["msg"], failed
    guest.fault()
    guest.reboot()
    assert guest.query("mig.mode.current", "mig.mode.pending") == ["Disabled", "Disabled"]


def test_a_card_that_is_passed_through_is_cut_after_a_reboot(start: Start) -> None:
    guest = start("A100-40GB", passthrough=True)
    first = cut(guest, "all-1g.5gb")
    assert first["reboot_required"] and slices(guest) == [], first
    guest.reboot()
    assert cut(guest, "all-1g.5gb")["reboot_required"] is False
    assert profiles(guest) == ["1g.5gb"] * 7
    assert cut(guest, "all-1g.5gb")["changed"] is False


def test_a_layout_that_a_host_lost_with_a_reboot_is_made_again(start: Start) -> None:
    guest = start("A100-40GB")
    cut(guest, [{"slices": MIXED}])
    guest.reboot()
    assert slices(guest) == []
    assert cut(guest, [{"slices": MIXED}])["changed"]
    assert profiles(guest) == sorted(MIXED)


def test_an_instance_deleted_by_hand_is_repaired_and_the_others_stay(start: Start) -> None:
    guest = start("A100-40GB")
    cut(guest, "all-1g.5gb")
    kept = slices(guest)[:6]
    identifier = re.findall(r"1g\.5gb\s+19\s+(\d+)\s", guest.mig("-lgi"))
    last = max(identifier, key=int)
    guest.mig("-dci", "-gi", last)
    guest.mig("-dgi", "-gi", last)
    repaired = cut(guest, "all-1g.5gb")
    assert repaired["changed"] and repaired["affected"] == [], repaired
    assert slices(guest)[:6] == kept and len(slices(guest)) == 7


def test_other_cards_than_declared_are_refused_with_what_was_found(start: Start) -> None:
    guest = start("T4", "T4")
    failed = cut(guest, None, count=3)
    assert failed["failed"] and "T4" in failed["msg"] and "found 2. Declared: 3." in failed["msg"], failed


def test_a_host_without_driver_is_told_what_is_missing(start: Start) -> None:
    guest = start("T4")
    guest.environment["LD_LIBRARY_PATH"] = ""
    failed = cut(guest, None)
    assert failed["failed"] and "libnvidia-ml.so.1" in failed["msg"] and "install the NVIDIA driver" in failed["msg"]
