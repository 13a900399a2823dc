#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cut the cards of a host into the declared slices."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nvidia_mig
author: AI_INFN platform maintainers (@ai-infn)
short_description: Cut the cards of a host into the declared slices
version_added: 0.1.0
description:
  - Compares the GPU instances and compute instances of a host's cards with the declared layout, and makes the smallest
    set of changes. Slices that stay are not touched.
  - Where a step fails, those before it are taken back, and the error names the step.
  - It does not move pods away. RV(holders) says which must leave first, and while one of them is there nothing is
    changed.
  - Where the mode of a card takes effect by a reboot only, RV(reboot_required) says so, and the layout is completed by
    running the module again after the reboot.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  model:
    description: Model of the host's cards, a name of the collection's table of profiles.
    type: str
    required: true
  count:
    description: Number of cards that the host has.
    type: int
    required: true
  state:
    description: V(planned) changes no card and tells what V(cut) would do.
    type: str
    choices: [cut, planned]
    default: cut
  layout:
    description: How the cards are cut, as P(ai_infn.platform.gpu_layout_problems#filter) describes it. Left out, all
      cards are whole.
    type: raw
  pods:
    description: The living pods of the host, each with C(uid) and C(name). Of equally small changes the one that spares
      most of what they hold is made.
    type: list
    elements: dict
    default: []
    suboptions:
      uid:
        description: The pod's UID.
        type: str
        required: true
      name:
        description: The pod's name, for the error that names it.
        type: str
        required: true
  checkpoint:
    description: The kubelet's file of device assignments, which says what the pods hold.
    type: path
    default: /var/lib/kubelet/device-plugins/kubelet_internal_checkpoint
  planned_from:
    description: What RV(state) was when the change was planned. If it is another one now nothing is changed.
    type: str
  record:
    description: File from which C(nvidia-mig-parted) makes the slices again, at boot for example. It is written where
      the cards are as declared, and only there. Cards that cannot be cut have none.
    type: path
  node:
    description: Name of the host's Node. Where the cards are as declared it has a note of what was made, which
      M(ai_infn.platform.gpu_report) reads, and the labels that let NVIDIA's DaemonSets look at the cards.
    type: str
  kubeconfig:
    description: Kubeconfig by which the host changes its Node. The kubelet's own suffices.
    type: path
    default: /etc/kubernetes/kubelet.conf
  services:
    description: Services of the host that use the cards. Those that run are stopped while cards are cut, and started
      again whatever comes of it.
    type: list
    elements: str
    default: []
  observers:
    description: Programs that look at the cards again when they get the signal C(HUP), as NVIDIA's device plugin does.
      They get it after each attempt to cut.
    type: list
    elements: str
    default: []
attributes:
  diff_mode:
    support: full
"""

EXAMPLES = r"""
- name: Cut three A100 into seven slices each
  ai_infn.platform.nvidia_mig:
    model: A100-40GB
    count: 3
    layout: all-1g.5gb

- name: Cut the first card otherwise, and leave the second whole
  ai_infn.platform.nvidia_mig:
    model: A100-40GB
    count: 3
    layout:
      - {cards: [0], slices: [3g.20gb, 2g.10gb, 1g.5gb, 1g.5gb]}
      - {cards: [2], slices: all-1g.5gb}
"""

RETURN = r"""
steps:
  description: What was done, or would be, in this order.
  returned: success
  type: list
  elements: str
  sample: ["destroy compute instance 1c of card 0: 1g.5gb@3"]
moves:
  description: Slices that are in the new layout too and yet must be emptied, with what takes their place.
  returned: success
  type: list
  elements: str
affected:
  description: UUIDs of the GPU and MIG devices that nobody may hold when the steps run.
  returned: success
  type: list
  elements: str
holders:
  description: UIDs of the pods that hold one of RV(affected).
  returned: success
  type: list
  elements: str
resources:
  description: What the host offers to Kubernetes with this layout, by resource name.
  returned: success
  type: dict
  sample: {"nvidia.com/mig-1g.5gb": 7}
before:
  description: The layout of all cards as it was, in the form of O(layout).
  returned: success
  type: list
  elements: dict
state:
  description: Another one whenever the cards have changed or the host has booted.
  returned: success
  type: str
cards:
  description: The cards as they are at the end, as M(ai_infn.platform.nvidia_gpus_info) returns them.
  returned: success
  type: list
  elements: dict
restorable:
  description: Whether RV(before) is all of it. A card whose mode is on and that has no slices, as a reboot leaves it,
    is in no layout.
  returned: success
  type: bool
reboot_required:
  description: Whether the cards are as declared only after a reboot and another run.
  returned: success
  type: bool
"""

import hashlib
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.capacity import resources
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.cards import Card, as_layout
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.clients import ClientError, stopped, told
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.driver import Driver, StepError
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.holders import CHECKPOINT, held_by
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.kept import NoteError, note, record
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.layout import (
    Declared,
    LayoutError,
    found_problems,
    resolve,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.nvml import Nvml, NvmlError
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.plan import (
    Plan,
    affected,
    as_diff,
    differences,
    make_plan,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.profiles import MODELS
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.steps import describe
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.host import KUBELET_KUBECONFIG


class NotNow(RuntimeError):
    """The cards cannot be changed as they are now."""


def holders(plan: Plan, held: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    """Return the pods that must leave before the plan is carried out, by name."""
    found = {held[device]["uid"]: held[device] for device in affected(plan.steps) if device in held}
    return sorted(found.values(), key=lambda pod: pod["name"])


def state_of(cards: list[Card]) -> str:
    """Return what tells whether the cards have changed or the host has booted."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8")
    # In a container the kernel's boot is another one's; the 22nd field is when the first process started.
    started = Path("/proc/1/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    return hashlib.sha256("\n".join([boot, started, *map(str, cards)]).encode()).hexdigest()


def carry_out(driver: Driver, plan: Plan, params: dict[str, Any], held: dict[str, dict[str, str]]) -> bool:
    """Change the cards; return whether they are as wanted only after a reboot. Raises NotNow and StepError."""
    cards = driver.cards()
    if params["planned_from"] not in (None, state_of(cards)):
        found = "; ".join(map(str, cards))
        raise NotNow(f"the cards are not as they were when this was planned, or the host was rebooted: found {found}.")
    staying = holders(plan, held)
    if staying:
        raise NotNow(f"pods hold what has to change: {', '.join(pod['name'] for pod in staying)}.")
    return driver.carry_out(plan.steps).reboot_required


def keep(module: AnsibleModule, host: Declared, cards: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Have what was made on record and noted on the Node; return the differences."""
    path, node = module.params["record"], module.params["node"]
    return (record(module, path, host) if path else []) + (note(module, node, cards) if node else [])


def run(module: AnsibleModule, nvml: Nvml) -> dict[str, Any]:
    """Bring the cards to the layout and return the result."""
    params = module.params
    host = Declared("this host", params["model"], params["count"], params["layout"])
    wanted = resolve(host)

    def reset(uuid: str) -> bool:
        return bool(module.run_command(["nvidia-smi", "--gpu-reset", "--id", uuid])[0] == 0)

    table = MODELS[params["model"]].profiles
    driver = Driver(nvml, table, reset)
    problems = found_problems(host, driver.products()) or driver.table_problems()
    if problems:
        raise LayoutError(problems)
    before = driver.cards()
    held = held_by(params["pods"], params["checkpoint"])
    plan = make_plan(table, before, wanted, frozenset(held))
    cut, reboot_required = params["state"] == "cut", False
    if cut and plan.changed and not module.check_mode:
        with stopped(module, params["services"]), told(module, params["observers"]):
            reboot_required = carry_out(driver, plan, params, held)
        left = [] if reboot_required else differences(driver.cards(), wanted)
        if left:
            raise StepError(f"every step succeeded, and yet {' '.join(left)}", restored=False)
    as_declared = not plan.changed or (cut and not module.check_mode and not reboot_required)
    kept = keep(module, host, driver.listing()) if as_declared else []
    return {
        "changed": (cut and plan.changed) or bool(kept),
        "steps": describe(plan.steps),
        "moves": [str(move) for move in plan.moves],
        "affected": affected(plan.steps),
        "holders": [pod["uid"] for pod in holders(plan, held)],
        "resources": resources(wanted.values()),
        "before": as_layout(before),
        "state": state_of(before),
        "cards": driver.listing(),
        "restorable": all(card.instances or not card.mig for card in before),
        "reboot_required": reboot_required,
        "diff": [*(as_diff(plan) if cut else []), *kept],
    }


def main() -> None:
    """Cut the cards and report."""
    pod = {"uid": {"type": "str", "required": True}, "name": {"type": "str", "required": True}}
    module = AnsibleModule(
        {
            "model": {"type": "str", "required": True},
            "count": {"type": "int", "required": True},
            "state": {"type": "str", "choices": ["cut", "planned"], "default": "cut"},
            "layout": {"type": "raw"},
            "pods": {"type": "list", "elements": "dict", "options": pod, "default": []},
            "checkpoint": {"type": "path", "default": CHECKPOINT},
            "planned_from": {"type": "str"},
            "record": {"type": "path"},
            "node": {"type": "str"},
            "kubeconfig": {"type": "path", "default": KUBELET_KUBECONFIG},
            "services": {"type": "list", "elements": "str", "default": []},
            "observers": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        with Nvml() as nvml:
            result = run(module, nvml)
    except (ClientError, LayoutError, NoteError, NotNow, NvmlError, OSError, StepError, ValueError) as error:
        module.fail_json(msg=str(error))
    else:
        module.exit_json(**result)


if __name__ == "__main__":
    main()
