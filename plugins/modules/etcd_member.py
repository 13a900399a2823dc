#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""List the members of etcd, or remove one if the others stay a quorum."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_member
author: AI_INFN platform maintainers (@ai-infn)
short_description: List the members of etcd, or remove one if the others stay a quorum
version_added: 0.1.0
description:
  - Runs on a control plane that kubeadm made, and asks etcd through its JSON gateway.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  name:
    description: Name of the member, which is its host's. Required to remove it.
    type: str
  address:
    description: Address of the host, to find a member that never started and has no name.
    type: str
    default: ""
  state:
    description: V(listed) lists the members, V(removable) also says whether the member may leave, V(absent) removes it.
    type: str
    choices: [listed, removable, absent]
    default: listed
attributes:
  check_mode:
    details: Says whether it would remove the member.
"""

EXAMPLES = r"""
- name: Remove the member of a dead host
  ai_infn.platform.etcd_member:
    name: control-2
    state: absent
"""

RETURN = r"""
members:
  description: The members, each with C(name), C(peers), C(learner) and C(healthy).
  returned: success
  type: list
  elements: dict
objection:
  description: Why the member may not leave; empty if it may, or if there is no such member.
  returned: when O(state=removable)
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.etcd import (
    Etcd,
    EtcdError,
    Member,
    find_member,
    objection,
)


def view(member: Member) -> dict:
    """Return a member as a result."""
    return {"name": member.name, "peers": list(member.peers), "learner": member.learner, "healthy": member.healthy}


def main() -> None:
    """List, judge or remove."""
    module = AnsibleModule(
        {
            "name": {"type": "str"},
            "address": {"type": "str", "default": ""},
            "state": {"type": "str", "choices": ["listed", "removable", "absent"], "default": "listed"},
        },
        required_if=[("state", "absent", ["name"]), ("state", "removable", ["name"])],
        supports_check_mode=True,
    )
    params = module.params
    try:
        etcd = Etcd()
        members = etcd.members()
        leaving = find_member(members, params["name"], params["address"]) if params["name"] else None
        refusal = objection(members, leaving) if leaving else ""
        if params["state"] == "absent" and leaving and refusal:
            module.fail_json(msg=f"Nothing was removed: {refusal}")
        if params["state"] == "absent" and leaving and not module.check_mode:
            etcd.remove(leaving)
    except (EtcdError, OSError) as error:
        module.fail_json(msg=f"Nothing was removed: {error}")
    else:
        module.exit_json(
            changed=params["state"] == "absent" and leaving is not None,
            members=[view(member) for member in members],
            objection=refusal,
        )


if __name__ == "__main__":
    main()
