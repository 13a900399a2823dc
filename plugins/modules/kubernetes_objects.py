#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have objects in a cluster, and wait for their pods."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_objects
author: AI_INFN platform maintainers (@ai-infn)
short_description: Have objects in a cluster, and wait for their pods
version_added: 0.1.0
description:
  - Applies a list of objects in one visit of a control plane, by server-side apply. Fields that others set stay theirs.
  - Needs nothing on the host but Python; M(kubernetes.core.k8s) needs the official client, and two seconds to start it.
  - Can wait for the rollouts among the objects. When the time is over, the error names the pod that blocks, its node
    and the reason.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  objects:
    description: The objects, in the order in which they are applied. They are removed in the opposite order.
    type: list
    elements: dict
    required: true
  state:
    description:
      - V(present) applies the objects, V(absent) removes them.
      - V(rolled_out) only waits for the workloads among them.
    type: str
    choices: [present, absent, rolled_out]
    default: present
  wait:
    description: Seconds to wait until all pods of the workloads among the objects run as declared. V(0) does not wait.
    type: int
    default: 0
  patience:
    description:
      - Seconds during which an object is tried again whose kind the server does not know yet, or whose webhook does not
        answer yet.
    type: int
    default: 30
  field_manager:
    description: Owner of the fields.
    type: str
    default: ai-infn-platform
  kubeconfig:
    description: Kubeconfig of an administrator.
    type: path
    default: /etc/kubernetes/admin.conf
attributes:
  check_mode:
    details: Asks the server for a dry run. Without a server all objects would be new.
  diff_mode:
    details: Shows each object's difference; the contents of secrets are hidden.
    support: full
"""

EXAMPLES = r"""
- name: Have the namespace of a group
  ai_infn.platform.kubernetes_objects:
    objects:
      - apiVersion: v1
        kind: Namespace
        metadata:
          name: theory

- name: Have the network, and wait for it on every node
  ai_infn.platform.kubernetes_objects:
    objects: "{{ lookup('ansible.builtin.template', 'flannel.yaml.j2') | from_yaml_all }}"
    wait: 120
"""

RETURN = r"""
objects:
  description: The objects that changed, or would change, as C(Kind namespace/name).
  returned: always
  type: list
  elements: str
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.apply import (
    FIELD_MANAGER,
    Failure,
    Objects,
    diff_of,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import ApiError, Kubernetes
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.objects import problem


def run(module: AnsibleModule) -> list[dict]:
    """Do what the options say; return the diffs."""
    params, items = module.params, module.params["objects"]
    wrong = [message for message in map(problem, items) if message]
    if wrong:
        raise Failure("; ".join(wrong))
    if module.check_mode and not os.path.exists(params["kubeconfig"]):
        return [] if params["state"] != "present" else [diff_of(item, None, item) for item in items]
    objects = Objects(Kubernetes(params["kubeconfig"]), params["field_manager"], params["patience"], module.check_mode)
    diffs: list[dict | None] = []
    if params["state"] == "absent":
        diffs = [objects.remove(item) for item in reversed(items)]
    elif params["state"] == "present":
        diffs = [objects.apply(item) for item in items]
    if params["wait"] and not module.check_mode and params["state"] != "absent":
        objects.wait(items, params["wait"])
    return [diff for diff in diffs if diff]


def main() -> None:
    """Read the options, act, report."""
    module = AnsibleModule(
        {
            "objects": {"type": "list", "elements": "dict", "required": True},
            "state": {"type": "str", "choices": ["present", "absent", "rolled_out"], "default": "present"},
            "wait": {"type": "int", "default": 0},
            "patience": {"type": "int", "default": 30},
            "field_manager": {"type": "str", "default": FIELD_MANAGER},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
        },
        supports_check_mode=True,
    )
    try:
        diffs = run(module)
    except (Failure, ApiError, OSError) as error:
        module.fail_json(msg=str(error))
    else:
        module.exit_json(changed=bool(diffs), objects=[diff.pop("title") for diff in diffs], diff=diffs)


if __name__ == "__main__":
    main()
