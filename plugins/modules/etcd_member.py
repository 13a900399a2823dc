#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""List the members of etcd, add one, or remove one if the others stay a quorum."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_member
author: AI_INFN platform maintainers (@ai-infn)
short_description: List the members of etcd, add one, or remove one if the others stay a quorum
version_added: 0.1.0
description:
  - Runs on a host that is a member, and asks its etcd through the JSON gateway.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  name:
    description: Name of the member, which is its host's. Required but to list them.
    type: str
  address:
    description:
      - Address of the host, to find a member that never started and has no name. Required to add it.
    type: str
    default: ""
  state:
    description:
      - V(listed) lists the members, V(removable) also says whether the member may leave, V(absent) removes it.
      - V(present) adds it unless it is there. It has to be started then, as one that joins RV(initial_cluster), before
        the next one is added.
    type: str
    choices: [listed, removable, absent, present]
    default: listed
  authority:
    description: Certificate of the authority that signed etcd's. The default is kubeadm's, as for the next two.
    type: path
    default: /etc/kubernetes/pki/etcd/ca.crt
  certificate:
    description: A client's certificate.
    type: path
    default: /etc/kubernetes/pki/etcd/healthcheck-client.crt
  key:
    description: Its key.
    type: path
    default: /etc/kubernetes/pki/etcd/healthcheck-client.key
attributes:
  check_mode:
    details: Says whether it would remove or add the member.
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
initial_cluster:
  description: All members as a member that joins needs them, C(name=peer,...).
  returned: when O(state=present)
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.etcd import (
    PKI,
    Etcd,
    EtcdError,
    Member,
    find_member,
    initial_cluster,
    objection,
)


def view(member: Member) -> dict:
    """Return a member as a result."""
    return {"name": member.name, "peers": list(member.peers), "learner": member.learner, "healthy": member.healthy}


def main() -> None:
    """List, judge, remove or add."""
    module = AnsibleModule(
        {
            "name": {"type": "str"},
            "address": {"type": "str", "default": ""},
            "state": {"type": "str", "choices": ["listed", "removable", "absent", "present"], "default": "listed"},
            "authority": {"type": "path", "default": f"{PKI}/ca.crt"},
            "certificate": {"type": "path", "default": f"{PKI}/healthcheck-client.crt"},
            "key": {"type": "path", "default": f"{PKI}/healthcheck-client.key", "no_log": False},
        },
        required_if=[
            ("state", "absent", ["name"]),
            ("state", "removable", ["name"]),
            ("state", "present", ["name", "address"]),
        ],
        supports_check_mode=True,
    )
    params = module.params
    state, name, address = params["state"], params["name"], params["address"]
    try:
        etcd = Etcd(params["authority"], params["certificate"], params["key"])
        members = etcd.members()
        found = find_member(members, name, address) if name else None
        refusal = objection(members, found) if found else ""
        if state == "absent" and found and refusal:
            module.fail_json(msg=f"Nothing was removed: {refusal}")
        if state == "absent" and found and not module.check_mode:
            etcd.remove(found)
        if state == "present" and not found and not module.check_mode:
            etcd.add(address)
            members = etcd.members()
    except (EtcdError, OSError) as error:
        module.fail_json(msg=f"The members of etcd are as before: {error}")
    else:
        module.exit_json(
            changed=(state == "absent" and found is not None) or (state == "present" and found is None),
            members=[view(member) for member in members],
            objection=refusal,
            initial_cluster=initial_cluster(members, name) if state == "present" else "",
        )


if __name__ == "__main__":
    main()
