#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Move the pods of a node away, with respect for disruption budgets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_drain
author: AI_INFN platform maintainers (@ai-infn)
short_description: Move the pods of a node away, with respect for disruption budgets
version_added: 0.1.0
description:
  - Runs on a control plane. Cordons the node and evicts its pods until none is left but those of DaemonSets and static
    ones.
  - When the deadline passes, the error names each pod that is left and the budget that keeps it, and a cordon that this
    module
    put on is taken back. A node that somebody else has cordoned stays cordoned.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  name:
    description: Name of the Node. One that does not exist is drained already.
    type: str
    required: true
  state:
    description: V(drained) moves the pods away, V(schedulable) takes back a cordon of ours and no other.
    type: str
    choices: [drained, schedulable]
    default: drained
  timeout:
    description: Seconds after which draining has failed.
    type: int
    default: 300
  kubeconfig:
    description: Kubeconfig of an administrator.
    type: path
    default: /etc/kubernetes/admin.conf
attributes:
  check_mode:
    details: Names the pods that would be evicted and the budgets that would keep them now.
"""

EXAMPLES = r"""
- name: Move the work of a worker away
  ai_infn.platform.kubernetes_drain:
    name: worker-1
    timeout: 600
"""

RETURN = r"""
pods:
  description: The pods that were evicted, or would be.
  returned: always
  type: list
  elements: str
blocked:
  description: What would keep pods from leaving now.
  returned: in check mode
  type: list
  elements: str
cordoned:
  description: Whether this run put the cordon on.
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import ApiError, Kubernetes, wait_for
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.drain import (
    blockers,
    budgets_of,
    cordon_patch,
    describe,
    is_our_cordon,
    must_leave,
    name_of,
)


class DrainError(Exception):
    """Pods are left; the message names them and what keeps them."""


class Node:
    """One node and its pods."""

    def __init__(self, client: Kubernetes, name: str) -> None:
        self._client = client
        self._path = f"/api/v1/nodes/{name}"
        self._name = name
        self.refusals: dict[str, str] = {}

    def find(self) -> dict | None:
        """Return the Node, or None."""
        return self._client.find(self._path)

    def pods(self) -> list[dict]:
        """Return the pods that must leave."""
        items = self._client.get("/api/v1/pods", fieldSelector=f"spec.nodeName={self._name}")["items"]
        return [pod for pod in items if must_leave(pod)]

    def budgets(self) -> list[dict]:
        """Return all disruption budgets."""
        return self._client.get("/apis/policy/v1/poddisruptionbudgets")["items"]

    def cordon(self, on: bool) -> None:
        """Cordon in our name, or take that back."""
        self._client.merge(self._path, cordon_patch(on))

    def evict(self) -> bool:
        """Ask once more for every pod's eviction; return whether none is left."""
        left = self.pods()
        for pod in left:
            if "deletionTimestamp" in pod["metadata"]:
                continue
            namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
            body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace}}
            try:
                self._client.request("POST", f"/api/v1/namespaces/{namespace}/pods/{name}/eviction", body)
            except ApiError as error:
                self.refusals[name_of(pod)] = str(error)
        return not left

    def drain(self, timeout: int) -> None:
        """Evict until none is left. Raises DrainError."""
        if not wait_for(self.evict, timeout, 1.0):
            sentences = blockers(self.pods(), self.budgets(), self.refusals)
            raise DrainError(f"{self._name} was not drained within {timeout} s: " + "; ".join(sentences))


def drain(node: Node, params, check_mode: bool) -> dict:
    """Drain one node and return the result."""
    found = node.find()
    if found is None:
        return {"changed": False, "pods": [], "cordoned": False}
    pods = node.pods()
    names = [describe(pod) for pod in pods]
    needed = not found["spec"].get("unschedulable")
    if check_mode:
        budgets = node.budgets()
        kept = [f"{name_of(pod)}: {', '.join(budgets_of(pod, budgets))}" for pod in pods if budgets_of(pod, budgets)]
        return {"changed": needed or bool(names), "pods": names, "blocked": kept, "cordoned": needed}
    if needed:
        node.cordon(True)
    try:
        node.drain(params["timeout"])
    except BaseException:
        if needed or is_our_cordon(found):
            node.cordon(False)
        raise
    return {"changed": needed or bool(names), "pods": names, "cordoned": needed}


def release(node: Node, check_mode: bool) -> dict:
    """Take back a cordon of ours and return the result."""
    found = node.find()
    ours = found is not None and is_our_cordon(found)
    if ours and not check_mode:
        node.cordon(False)
    return {"changed": ours, "pods": [], "cordoned": False}


def main() -> None:
    """Drain or release, and report."""
    module = AnsibleModule(
        {
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["drained", "schedulable"], "default": "drained"},
            "timeout": {"type": "int", "default": 300},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
        },
        supports_check_mode=True,
    )
    try:
        node = Node(Kubernetes(module.params["kubeconfig"]), module.params["name"])
        if module.params["state"] == "drained":
            result = drain(node, module.params, module.check_mode)
        else:
            result = release(node, module.check_mode)
    except (ApiError, DrainError, OSError) as error:
        module.fail_json(msg=str(error))
    else:
        module.exit_json(**result)


if __name__ == "__main__":
    main()
