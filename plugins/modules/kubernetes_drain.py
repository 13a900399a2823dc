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
    ones, and those that O(pods) lets stay.
  - When the deadline passes, the error names each pod that is left and the budget that keeps it, and a cordon that this
    module put on is taken back. A node that somebody else has cordoned stays cordoned.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  name:
    description: Name of the Node. One that does not exist is drained already.
    type: str
    required: true
  state:
    description: V(drained) moves the pods away, V(cordoned) only keeps new ones from coming, V(schedulable) takes back
      a cordon of ours and no other, and has DaemonSets make those pods anew that the node refused while it shut down.
    type: str
    choices: [drained, cordoned, schedulable]
    default: drained
  pods:
    description: UIDs of the pods that must leave. With them go those that have not started yet, since what these will
      use of the node is not known. Left out, all pods leave.
    type: list
    elements: str
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

- name: Move away those that hold a device, and let the others work on
  ai_infn.platform.kubernetes_drain:
    name: worker-1
    pods: "{{ plan.holders }}"
"""

RETURN = r"""
pods:
  description: The pods that were evicted, or would be.
  returned: success
  type: list
  elements: str
left:
  description: The pods that live on the node now, those of DaemonSets and static ones among them, each with C(uid) and
    C(name).
  returned: success
  type: list
  elements: dict
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
    describe,
    is_our_cordon,
    leaving,
    name_of,
    pod_path,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.node import Node


class DrainError(Exception):
    """Pods are left; the message names them and what keeps them."""


class Drained(Node):
    """A Node from which pods have to leave: all, or those of these UIDs."""

    def __init__(self, client: Kubernetes, name: str, only: list[str] | None = None) -> None:
        super().__init__(client, name)
        self._only = only
        self.refusals: dict[str, str] = {}

    def leaving(self) -> list[dict]:
        """Return the pods that must leave."""
        return leaving(self.pods(), self._only)

    def budgets(self) -> list[dict]:
        """Return all disruption budgets."""
        return self.client.get("/apis/policy/v1/poddisruptionbudgets")["items"]

    def evict(self) -> bool:
        """Ask once more for every pod's eviction; return whether none is left."""
        left = self.leaving()
        for pod in left:
            if "deletionTimestamp" in pod["metadata"]:
                continue
            metadata = {key: pod["metadata"][key] for key in ("name", "namespace")}
            body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
            try:
                self.client.request("POST", f"{pod_path(pod)}/eviction", body)
            except ApiError as error:
                self.refusals[name_of(pod)] = str(error)
        return not left

    def drain(self, timeout: int) -> None:
        """Evict until none is left. Raises DrainError."""
        if not wait_for(self.evict, timeout, 0.2):
            sentences = blockers(self.leaving(), self.budgets(), self.refusals)
            raise DrainError(f"{self.name} was not drained within {timeout} s: " + "; ".join(sentences))


def drain(node: Drained, params, check_mode: bool) -> dict:
    """Drain one node, or only cordon it, and return the result."""
    found = node.find()
    if found is None:
        return {"changed": False, "pods": [], "left": [], "cordoned": False}
    pods = node.leaving() if params["state"] == "drained" else []
    names = [describe(pod) for pod in pods]
    needed = not found["spec"].get("unschedulable")
    result = {"changed": needed or bool(names), "pods": names, "cordoned": needed}
    if check_mode:
        budgets = node.budgets() if pods else []
        kept = [f"{name_of(pod)}: {', '.join(budgets_of(pod, budgets))}" for pod in pods if budgets_of(pod, budgets)]
        return {**result, "left": node.living(), "blocked": kept}
    if needed:
        node.cordon(True)
    try:
        if params["state"] == "drained":
            node.drain(params["timeout"])
        return {**result, "left": node.living()}
    except BaseException:
        if needed or is_our_cordon(found):
            node.cordon(False)
        raise


def main() -> None:
    """Drain or release, and report."""
    module = AnsibleModule(
        {
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["drained", "cordoned", "schedulable"], "default": "drained"},
            "pods": {"type": "list", "elements": "str"},
            "timeout": {"type": "int", "default": 300},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
        },
        supports_check_mode=True,
    )
    try:
        node = Drained(Kubernetes(module.params["kubeconfig"]), module.params["name"], module.params["pods"])
        if module.params["state"] == "schedulable":
            changed = node.release(module.check_mode)
            result = {"changed": changed, "pods": [], "left": node.living(), "cordoned": False}
        else:
            result = drain(node, module.params, module.check_mode)
    except (ApiError, DrainError, OSError) as error:
        module.fail_json(msg=str(error))
    else:
        module.exit_json(**result)


if __name__ == "__main__":
    main()
