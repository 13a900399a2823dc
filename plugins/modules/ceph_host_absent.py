#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take a host out of a Ceph cluster, its data first."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_host_absent
author: AI_INFN platform maintainers (@ai-infn)
short_description: Take a host out of a Ceph cluster, its data first
version_added: 0.1.0
description:
  - Runs on another host, one that has the administrator's key.
  - Nothing is taken out while the others lack what the host holds, or could not have as many copies without it.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  name:
    description: Name of the host.
    type: str
    required: true
  state:
    description:
      - V(removable) only says what stands against it. V(emptied) has its data moved to the others and waits for that.
      - V(absent) has the cluster forget its monitor, OSDs and keys. Its daemons have to have ended by then.
    type: str
    choices: [removable, emptied, absent]
    default: removable
  timeout:
    description: After how many seconds moving the data has failed. The host then takes part again, as before.
    type: int
    default: 3600
attributes:
  check_mode:
    details: Says whether anything would be moved or forgotten.
  diff_mode:
    details: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Move away what the host holds
  ai_infn.platform.ceph_host_absent:
    name: storage-3
    state: emptied
  delegate_to: storage-1
"""

RETURN = r"""
objections:
  description: What stands against it.
  returned: success
  type: list
  elements: str
osds:
  description: Numbers of its OSDs.
  returned: success
  type: list
  elements: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.client import Ceph, CephError
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.filesystems import state
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.keys import Step, carry_out
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.keys import entities as known
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.leaving import (
    Cluster,
    cluster,
    entities,
    numbers,
    objections,
    removal,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.osd import EMPTIED
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import wait_for

SETTLED_WITHIN = 60
"""Seconds within which the cluster has taken notice of OSDs that ended, and placement groups answer elsewhere."""


def look(ceph: Ceph) -> Cluster:
    """Return the cluster as it is. Raises CephError."""
    answers = {
        "status": ceph.ask("status"),
        "monitors": ceph.ask("mon", "dump"),
        "osds": ceph.ask("osd", "df", "tree"),
        "filesystems": ceph.ask("fs", "dump"),
    }
    return cluster(answers, state(ceph.ask("osd", "pool", "ls", "detail"), ceph.ask("fs", "ls")).pools)


def settled(ceph: Ceph) -> Cluster:
    """Return the cluster when all placement groups answer, which they do not for a moment after any change.

    After SETTLED_WITHIN seconds it is returned as it is. Raises CephError.
    """

    def answering() -> Cluster | None:
        found = look(ceph)
        return None if found.inactive else found

    return wait_for(answering, SETTLED_WITHIN) or look(ceph)


def is_safe(ceph: Ceph, osds: list[int]) -> bool:
    """Tell whether nothing is lost with OSDs."""
    try:
        ceph.tell("osd", "safe-to-destroy", *map(str, osds))
    except CephError:
        return False
    return True


def empty(ceph: Ceph, osds: list[int], seconds: int) -> str:
    """Have the OSDs' data moved to others; why it failed, or nothing. What was begun is then taken back."""
    marks = {osd["osd"]: osd["in"] for osd in ceph.ask("osd", "dump")["osds"]}
    ours = [str(number) for number in osds if marks.get(number)]
    if ours:
        ceph.tell("osd", "out", *ours)
    if wait_for(lambda: is_safe(ceph, osds), seconds):
        return ""
    if ours:
        ceph.tell("osd", "in", *ours)
    groups = ceph.ask("status")["pgmap"]
    moving = f"{groups.get('misplaced_objects', 0)} of {groups.get('misplaced_total', 0)} objects were to be moved yet"
    return f"their data were not with the others after {seconds} s: {moving}. They take part again. See 'ceph status'."


def forget(ceph: Ceph, osds: list[int], commands: list[tuple[str, ...]], keys: list[str]) -> None:
    """Have the cluster forget a host, and remember of its devices that what they hold is with others."""
    identities = {osd["osd"]: osd["uuid"] for osd in ceph.ask("osd", "dump")["osds"]}
    for number in osds:
        ceph.tell("config-key", "set", EMPTIED + identities[number], "")
    for command in commands:
        ceph.tell(*command)
    for entity in keys:
        carry_out(ceph, Step("remove", entity, {}))


def main() -> None:
    """Judge, move, or forget."""
    module = AnsibleModule(
        {
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["removable", "emptied", "absent"], "default": "removable"},
            "timeout": {"type": "int", "default": 3600},
        },
        supports_check_mode=True,
    )
    name, wanted = module.params["name"], module.params["state"]
    ceph = Ceph(module.run_command)
    changed = False
    try:
        found = settled(ceph)
        reasons, osds = objections(found, name), numbers(found, name)
        if wanted != "removable" and reasons:
            module.fail_json(msg=f"{name} was not taken out: {'; '.join(reasons)}")
        if wanted == "emptied" and osds and not is_safe(ceph, osds):
            changed = True
            failure = "" if module.check_mode else empty(ceph, osds, module.params["timeout"])
            if failure:
                module.fail_json(msg=f"The OSDs of {name} stay, {failure}")
        if wanted == "absent":
            keys = [entity for entity in entities(name) if entity in known(ceph.ask("auth", "ls"))]
            commands = removal(found, name)
            changed = bool(commands or keys)
            if not module.check_mode:
                if osds and not wait_for(lambda: is_safe(ceph, osds), SETTLED_WITHIN):
                    module.fail_json(
                        msg=f"{name} was not taken out: the others do not have all that its OSDs hold yet."
                    )
                forget(ceph, osds, commands, keys)
    except CephError as error:
        module.fail_json(msg=str(error))
    else:
        module.exit_json(changed=changed, objections=reasons, osds=osds)


if __name__ == "__main__":
    main()
