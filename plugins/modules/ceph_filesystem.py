#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a filesystem in a Ceph cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_filesystem
author: AI_INFN platform maintainers (@ai-infn)
short_description: Have a filesystem in a Ceph cluster
version_added: 0.1.0
description:
  - Makes its pools with the declared number of copies, and the filesystem on them.
  - Runs on a host that has the administrator's key.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  name:
    description: Name of the filesystem.
    type: str
    required: true
  replicas:
    description: How many copies of everything there are, each on another host where there are several.
    type: int
    required: true
  wait:
    description: How many seconds to wait until a daemon serves it.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Have the filesystem
  ai_infn.platform.ceph_filesystem:
    name: cnaf
    replicas: 3
"""

RETURN = r"""
steps:
  description: What was done, or would be.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.client import Ceph, CephError, has_begun
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.filesystems import plan, serving, state
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import wait_for


def main() -> None:
    """Compare, carry out, and wait for a daemon."""
    module = AnsibleModule(
        {
            "name": {"type": "str", "required": True},
            "replicas": {"type": "int", "required": True},
            "wait": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    name, ceph = module.params["name"], Ceph(module.run_command)
    if module.check_mode and not has_begun():
        module.exit_json(changed=True, steps=[])
    try:
        found = state(ceph.ask("osd", "pool", "ls", "detail"), ceph.ask("fs", "ls"))
        steps = plan(found, name, module.params["replicas"])
        if not module.check_mode:
            for step in steps:
                ceph.tell(*step.words)
            if not wait_for(lambda: serving(ceph.ask("fs", "dump"), name), module.params["wait"]):
                module.fail_json(
                    msg=f"No metadata server serves {name} after {module.params['wait']} s. See 'ceph fs status'."
                )
    except CephError as error:
        module.fail_json(msg=str(error))
    else:
        texts = [step.text for step in steps]
        module.exit_json(
            changed=bool(steps), steps=texts, diff={"before": "", "after": "".join(f"{text}\n" for text in texts)}
        )


if __name__ == "__main__":
    main()
