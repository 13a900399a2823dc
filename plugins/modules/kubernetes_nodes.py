#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Give Nodes their declared labels and taints, wait for them, or remove them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_nodes
author: AI_INFN platform maintainers (@ai-infn)
short_description: Give Nodes their declared labels and taints, wait for them, or remove them
version_added: 0.1.0
description:
  - Runs on a control plane and does all Nodes in one visit.
  - Labels and taints that an earlier run set and that are declared no more are removed. What others set stays.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  nodes:
    description: The Nodes.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the Node.
        type: str
        required: true
      labels:
        description: Its labels.
        type: dict
        default: {}
      taints:
        description: Its taints, each with C(key), C(effect) and, if it has one, C(value).
        type: list
        elements: dict
        default: []
  state:
    description: V(present) sets labels and taints, V(ready) waits for the Nodes, V(absent) removes them.
    type: str
    choices: [present, ready, absent]
    default: present
  version:
    description: Version that the kubelets of V(ready) Nodes report.
    type: str
  wait:
    description: Seconds to wait until the Nodes are ready, for V(present) and V(ready). V(0) does not wait.
    type: int
    default: 0
  kubeconfig:
    description: Kubeconfig of an administrator.
    type: path
    default: /etc/kubernetes/admin.conf
attributes:
  check_mode:
    details: Names the Nodes that would change. Nodes that are not there yet are left out.
  diff_mode:
    details: Shows each Node's patch.
    support: full
"""

EXAMPLES = r"""
- name: Label the Nodes
  ai_infn.platform.kubernetes_nodes:
    nodes:
      - name: worker-1
        labels: {example.org/rack: a}
        taints: [{key: reserved, value: theory, effect: NoSchedule}]
"""

RETURN = r"""
nodes:
  description: Names of the Nodes that changed, or would change.
  returned: always
  type: list
  elements: str
"""

import json
import os
from functools import partial

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import ApiError, Kubernetes, wait_for
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.nodes import as_taint, patch, unready


class NotReady(Exception):
    """Some Node is not ready in time; the message says which and why."""


def set_metadata(client: Kubernetes, params, check_mode: bool) -> list[dict]:
    """Patch labels and taints; return the diffs."""
    diffs = []
    for wanted in params["nodes"]:
        path = f"/api/v1/nodes/{wanted['name']}"
        # A kubelet that has just joined registers its Node a moment later.
        node = wait_for(partial(client.find, path), 0 if check_mode else params["wait"], 0.3)
        if node is None:
            if check_mode:
                continue
            raise ApiError(404, f"there is no Node {wanted['name']}")
        changes = patch(node, wanted["labels"], [as_taint(taint) for taint in wanted["taints"]])
        if changes:
            text = json.dumps(changes, indent=1, sort_keys=True) + "\n"
            diffs.append({"name": wanted["name"], "before": "", "after": text, "after_header": wanted["name"]})
            if not check_mode:
                client.merge(path, changes)
    return diffs


def remove(client: Kubernetes, params, check_mode: bool) -> list[dict]:
    """Delete the Nodes that are there; return the diffs."""
    names = [wanted["name"] for wanted in params["nodes"]]
    there = [name for name in names if client.find(f"/api/v1/nodes/{name}")]
    for name in [] if check_mode else there:
        client.delete(f"/api/v1/nodes/{name}")
    return [{"name": name, "before": f"{name}\n", "after": ""} for name in there]


def wait_ready(client: Kubernetes, params, check_mode: bool) -> list[dict]:
    """Wait until every Node is ready at the version."""
    names = [wanted["name"] for wanted in params["nodes"]]
    reasons: dict[str, str] = {}

    def ready() -> bool:
        reasons.clear()
        reasons.update(unready(client.get("/api/v1/nodes")["items"], names, params["version"]))
        return not reasons

    if not check_mode and not wait_for(ready, params["wait"], 0.3):
        raise NotReady(
            f"After {params['wait']} s: " + "; ".join(f"{name}: {reason}" for name, reason in sorted(reasons.items()))
        )
    return []


def main() -> None:
    """Read the options, act, report."""
    fields = {
        "name": {"type": "str", "required": True},
        "labels": {"type": "dict", "default": {}},
        "taints": {"type": "list", "elements": "dict", "default": []},
    }
    module = AnsibleModule(
        {
            "nodes": {"type": "list", "elements": "dict", "required": True, "options": fields},
            "state": {"type": "str", "choices": ["present", "ready", "absent"], "default": "present"},
            "version": {"type": "str"},
            "wait": {"type": "int", "default": 0},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
        },
        supports_check_mode=True,
    )
    if module.check_mode and not os.path.exists(module.params["kubeconfig"]):
        module.exit_json(changed=True, nodes=[item["name"] for item in module.params["nodes"]])  # no cluster yet
    act = {"present": set_metadata, "absent": remove, "ready": wait_ready}[module.params["state"]]
    try:
        client = Kubernetes(module.params["kubeconfig"])
        diffs = act(client, module.params, module.check_mode)
        if module.params["wait"] and module.params["state"] == "present":
            wait_ready(client, module.params, module.check_mode)
    except (ApiError, NotReady, OSError) as error:
        module.fail_json(msg=f"Nodes: {error}")
    else:
        module.exit_json(changed=bool(diffs), nodes=[diff.pop("name") for diff in diffs], diff=diffs)


if __name__ == "__main__":
    main()
