#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have keys for the daemons and clients of a Ceph cluster, with what each of them may."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_keys
author: AI_INFN platform maintainers (@ai-infn)
short_description: Have keys for the daemons and clients of a Ceph cluster, with what each of them may
version_added: 0.1.0
description:
  - Runs on a host that has the administrator's key.
  - A key that is there is kept. Whom neither option names is left alone.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  present:
    description: Who has a key, C(client.NAME) for example, and what he may, by kind of daemon.
    type: dict
    default: {}
  absent:
    description: Who has none.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    details: A key that would be made is returned as an empty text.
"""

EXAMPLES = r"""
- name: Have a key for a client that reads
  ai_infn.platform.ceph_keys:
    present:
      client.reader: {mon: allow r, mds: allow r path=/environments}
  no_log: true
  register: keys
"""

RETURN = r"""
keys:
  description: The keys of O(present), by name.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.client import Ceph, CephError, has_begun
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.keys import carry_out, entities, plan


def main() -> None:
    """Compare, make what is missing, and return the keys."""
    module = AnsibleModule(
        {
            "present": {"type": "dict", "default": {}, "no_log": False},
            "absent": {"type": "list", "elements": "str", "default": [], "no_log": False},
        },
        supports_check_mode=True,
    )
    wanted = module.params["present"]
    ceph = Ceph(module.run_command)
    if module.check_mode and not has_begun():
        module.exit_json(changed=bool(wanted), keys=dict.fromkeys(wanted, ""))
    try:
        found = entities(ceph.ask("auth", "ls"))
        steps = plan(found, wanted, tuple(module.params["absent"]))
        if not module.check_mode and steps:
            for step in steps:
                carry_out(ceph, step)
            found = entities(ceph.ask("auth", "ls"))
    except CephError as error:
        module.fail_json(msg=str(error))
    else:
        module.exit_json(
            changed=bool(steps),
            diff={
                "before": {
                    step.name: dict(found[step.name].capabilities)
                    for step in steps
                    if step.verb != "make" and step.name in found
                },
                "after": {step.name: dict(step.capabilities) for step in steps if step.verb != "remove"},
            },
            keys={name: found[name].key if name in found else "" for name in wanted},
        )


if __name__ == "__main__":
    main()
