#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell which GPUs a cluster offers, and which pods asked for them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_gpus_info
author: AI_INFN platform maintainers (@ai-infn)
short_description: Tell which GPUs a cluster offers, and which pods asked for them
version_added: 0.1.0
description:
  - Runs on a control plane and asks the API once for Nodes and once for pods.
  - Which device a pod was given is known to the host alone; M(ai_infn.platform.nvidia_gpus_info) tells it.
extends_documentation_fragment:
  - ai_infn.platform.attributes.info
options:
  pods:
    description: Whether pods are asked for too.
    type: bool
    default: true
  kubeconfig:
    description: Kubeconfig of an administrator.
    type: path
    default: /etc/kubernetes/admin.conf
"""

EXAMPLES = r"""
- name: See what the cluster offers
  ai_infn.platform.kubernetes_gpus_info:
  register: cluster
"""

RETURN = r"""
nodes:
  description: The Nodes with the label C(nvidia.com/gpu.present), and others that offer GPUs.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the Node.
      type: str
    ready:
      description: Whether the Node is ready.
      type: bool
    schedulable:
      description: Whether it takes new pods.
      type: bool
    allocatable:
      description: Numbers of GPUs by resource, without those of which there are none.
      type: dict
      sample: {nvidia.com/mig-1g.5gb: 7}
    noted:
      description: The cards as C(gpu.yml) left them, C(model) and C(cards); none where that is not noted.
      type: dict
pods:
  description: The pods that run on a Node or are to run there, asked for GPUs and have not ended.
  returned: success
  type: list
  elements: dict
  contains:
    uid:
      description: UID of the pod.
      type: str
    namespace:
      description: Its namespace.
      type: str
    name:
      description: Its name.
      type: str
    node:
      description: Name of its Node.
      type: str
    phase:
      description: Its phase.
      type: str
    requests:
      description: Numbers of GPUs by resource.
      type: dict
      sample: {nvidia.com/mig-1g.5gb: 1}
    priority_class:
      description: Name of its priority class, or nothing.
      type: str
    owner:
      description: Kind and name of what made it, or nothing.
      type: str
      sample: Job training
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.cluster import gpu_nodes, gpu_pods
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import ApiError, Kubernetes

RUNNING = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"


def main() -> None:
    """Look and report."""
    module = AnsibleModule(
        {
            "pods": {"type": "bool", "default": True},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
        },
        supports_check_mode=True,
    )
    try:
        client = Kubernetes(module.params["kubeconfig"])
        nodes = gpu_nodes(client.get("/api/v1/nodes")["items"])
        asked = client.get("/api/v1/pods", fieldSelector=RUNNING)["items"] if module.params["pods"] else []
    except (ApiError, OSError) as error:
        module.fail_json(msg=f"The API server does not answer: {error}")
    else:
        module.exit_json(changed=False, nodes=nodes, pods=gpu_pods(asked))


if __name__ == "__main__":
    main()
