#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Wait until nodes offer exactly the devices that they should."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_allocatable
author: AI_INFN platform maintainers (@ai-infn)
short_description: Wait until nodes offer exactly the devices that they should
version_added: 0.1.0
description:
  - Runs on a control plane, after something has changed the devices that a device plugin offers.
  - When the deadline passes, the error says for each node what it offers, what it should, and how the plugin's pod is.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  nodes:
    description: For each Node by its name, how many of each resource it shall offer. Of others it shall have none.
    type: dict
    required: true
  prefix:
    description: What the names of the resources in question begin with.
    type: str
    required: true
  plugin:
    description: Label selector of the device plugin's pods. Where the cluster has none nothing is waited for.
    type: str
    required: true
  uncordon:
    description: Whether a cordon of M(ai_infn.platform.kubernetes_drain) is taken back then. Another one stays.
    type: bool
    default: false
  timeout:
    description: Seconds after which waiting has failed.
    type: int
    default: 120
  kubeconfig:
    description: Kubeconfig of an administrator.
    type: path
    default: /etc/kubernetes/admin.conf
"""

EXAMPLES = r"""
- name: See that the slices are offered
  ai_infn.platform.kubernetes_allocatable:
    nodes: {gpu-1: {nvidia.com/mig-1g.5gb: 7}}
    prefix: nvidia.com/
    plugin: app.kubernetes.io/name=nvidia-device-plugin
"""

RETURN = r"""
waited:
  description: Whether there was a device plugin to wait for.
  returned: success
  type: bool
uncordoned:
  description: The nodes whose cordon was taken back, or would be.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.allocatable import differing, plugin_state
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import ApiError, Kubernetes, wait_for
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.node import Node


class NotOfferedError(Exception):
    """Nodes do not offer what they should; the message names them."""


def wait(client: Kubernetes, params, check_mode: bool) -> bool:
    """Wait until all nodes offer what they should; return whether there was a plugin. Raises NotOfferedError."""

    def plugins() -> list[dict]:
        return client.get("/api/v1/pods", labelSelector=params["plugin"])["items"]

    def left() -> dict[str, str]:
        return differing(client.get("/api/v1/nodes")["items"], params["nodes"], params["prefix"])

    if check_mode or not plugins():
        return False
    if not wait_for(lambda: not left(), params["timeout"], 0.2):
        pods = plugins()
        sentences = [f"{name}: {text} ({plugin_state(pods, name)})" for name, text in left().items()]
        raise NotOfferedError(
            f"devices were not offered within {params['timeout']} s: {'; '.join(sentences)}."
            " Remedy: see the log of the device plugin's pod."
        )
    return True


def main() -> None:
    """Wait and report."""
    module = AnsibleModule(
        {
            "nodes": {"type": "dict", "required": True},
            "prefix": {"type": "str", "required": True},
            "plugin": {"type": "str", "required": True},
            "uncordon": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 120},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
        },
        supports_check_mode=True,
    )
    try:
        client = Kubernetes(module.params["kubeconfig"])
        waited = wait(client, module.params, module.check_mode)
        names = module.params["nodes"] if module.params["uncordon"] else []
        uncordoned = [name for name in names if Node(client, name).release(module.check_mode)]
    except (ApiError, NotOfferedError, OSError) as error:
        module.fail_json(msg=str(error))
    else:
        module.exit_json(changed=bool(uncordoned), waited=waited, uncordoned=uncordoned)


if __name__ == "__main__":
    main()
