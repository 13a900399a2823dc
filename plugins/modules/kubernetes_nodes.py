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
  - Runs on a control plane and does all Nodes in one visit, with the objects that they need and the pods that make them
    useful.
  - Labels and taints that an earlier run set and that are declared no more are removed. What others set stays.
  - With V(present), pods of DaemonSets that a Node refused while it shut down are deleted, so that others are made at
    once; their controller would wait for up to a quarter of an hour.
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
  objects:
    description: Objects to apply first, for V(present), as M(ai_infn.platform.kubernetes_objects) does.
    type: list
    elements: dict
    default: []
  workloads:
    description: Workloads, each with C(apiVersion), C(kind) and C(metadata), whose pods must run within O(wait) too.
    type: list
    elements: dict
    default: []
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
objects:
  description: The objects that changed, or would change, as C(Kind namespace/name).
  returned: always
  type: list
  elements: str
"""

import json
import os
from functools import partial

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.apply import FIELD_MANAGER, Failure, Objects
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import ApiError, Kubernetes, wait_for
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.drain import name_of, pod_path, shut_out
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.nodes import as_taint, patch, unready
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.objects import title

PATIENCE = 30
"""Seconds during which an object is tried again."""


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


def let_in(client: Kubernetes, params, check_mode: bool) -> list[dict]:
    """Delete the pods of DaemonSets that the Nodes refused while they shut down; return the diffs."""
    names = [wanted["name"] for wanted in params["nodes"]]
    failed = client.get("/api/v1/pods", fieldSelector="status.phase=Failed")["items"]
    found = [pod for pod in shut_out(failed) if pod["spec"].get("nodeName") in names]
    for pod in [] if check_mode else found:
        client.delete(pod_path(pod))
    return [{"name": pod["spec"]["nodeName"], "before": f"{name_of(pod)}\n", "after": ""} for pod in found]


def remove(client: Kubernetes, params, check_mode: bool) -> list[dict]:
    """Delete the Nodes that are there; return the diffs."""
    names = [wanted["name"] for wanted in params["nodes"]]
    there = [name for name in names if client.find(f"/api/v1/nodes/{name}")]
    for name in [] if check_mode else there:
        client.delete(f"/api/v1/nodes/{name}")
    return [{"name": name, "before": f"{name}\n", "after": ""} for name in there]


def wait_ready(client: Kubernetes, params) -> None:
    """Wait until every Node is ready at the version."""
    names = [wanted["name"] for wanted in params["nodes"]]
    reasons: dict[str, str] = {}

    # Asked ten times a second: the whole list is worth it only for several Nodes.
    alone = {"fieldSelector": f"metadata.name={names[0]}"} if len(names) == 1 else {}

    def ready() -> bool:
        reasons.clear()
        reasons.update(unready(client.get("/api/v1/nodes", **alone)["items"], names, params["version"]))
        return not reasons

    if not wait_for(ready, params["wait"], 0.1):
        raise NotReady(
            f"After {params['wait']} s: " + "; ".join(f"{name}: {reason}" for name, reason in sorted(reasons.items()))
        )


def act(module: AnsibleModule) -> tuple[list[dict], list[dict]]:
    """Do what the options say; return the diffs of objects and of Nodes."""
    params, check_mode = module.params, module.check_mode
    client = Kubernetes(params["kubeconfig"])
    if params["state"] == "absent":
        return [], remove(client, params, check_mode)
    objects = Objects(client, FIELD_MANAGER, PATIENCE, check_mode)
    declared, diffs = [], []
    if params["state"] == "present":
        declared = [diff for diff in map(objects.apply, params["objects"]) if diff]
        diffs = set_metadata(client, params, check_mode) + let_in(client, params, check_mode)
    if params["wait"] and not check_mode:
        wait_ready(client, params)
        objects.wait(params["workloads"], params["wait"])
    return declared, diffs


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
            "objects": {"type": "list", "elements": "dict", "default": []},
            "workloads": {"type": "list", "elements": "dict", "default": []},
            "version": {"type": "str"},
            "wait": {"type": "int", "default": 0},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
        },
        supports_check_mode=True,
    )
    if module.check_mode and not os.path.exists(module.params["kubeconfig"]):
        names = [item["name"] for item in module.params["nodes"]]  # no cluster yet
        module.exit_json(changed=True, nodes=names, objects=[title(item) for item in module.params["objects"]])
    try:
        declared, diffs = act(module)
    except (ApiError, Failure, NotReady, OSError) as error:
        module.fail_json(msg=f"Nodes: {error}")
    else:
        objects, nodes = [diff.pop("title") for diff in declared], [diff.pop("name") for diff in diffs]
        module.exit_json(changed=bool(objects or nodes), nodes=nodes, objects=objects, diff=declared + diffs)


if __name__ == "__main__":
    main()
