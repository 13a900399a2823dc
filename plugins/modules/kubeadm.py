#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run kubeadm init, join or reset so that an interrupted run is repaired by the next."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm
author: AI_INFN platform maintainers (@ai-infn)
short_description: Run kubeadm init, join or reset so that an interrupted run is repaired by the next
version_added: 0.1.0
description:
  - Leaves a host alone that is a member of its cluster.
  - A mark on the host says that kubeadm began and did not end. Where the next run finds it, it waits for a kubeadm that
    still runs, accepts a join that has ended well, or resets B(this host) and begins again.
  - A host that holds data of etcd without that mark is never reset, unless O(reset_allowed) says so.
  - kubeadm reads its configuration from a file that only root can read, removed afterwards.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  action:
    description: What to do.
    type: str
    choices: [init, join, reset]
    required: true
  name:
    description: Name of the host's Node.
    type: str
    required: true
  address:
    description: Address of the host's own API server.
    type: str
    required: true
  port:
    description: Port of the host's own API server.
    type: int
    default: 6443
  config:
    description: kubeadm's configuration. Required for V(init) and V(join).
    type: str
  discovery:
    description: Kubeconfig without a user by which V(join) finds the cluster; the configuration names it as
      C(/run/ai-infn-kubeadm/discovery.conf).
    type: str
  control_plane:
    description: Whether the host becomes a control plane.
    type: bool
    default: false
  reset_allowed:
    description: Whether whatever is on the host may be destroyed.
    type: bool
    default: false
  only_repair:
    description: Whether to stop after the reset of a host that V(init) or V(join) would reset, so that the host is
      clean.
    type: bool
    default: false
  timeout:
    description: Seconds after which kubeadm is ended.
    type: int
    default: 420
"""

EXAMPLES = r"""
- name: Join the worker
  ai_infn.platform.kubeadm:
    action: join
    name: worker-1
    address: 10.64.0.11
    config: "{{ lookup('ansible.builtin.template', 'join.yaml.j2') }}"
    discovery: "{{ lookup('ansible.builtin.template', 'discovery.conf.j2') }}"
"""

RETURN = r"""
step:
  description: What was done, one of V(nothing), V(finish), V(run), V(reset), V(reset_and_run).
  returned: success
  type: str
reason:
  description: Why.
  returned: success
  type: str
state:
  description: State of the host afterwards, as M(ai_infn.platform.kubernetes_host) calls it.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.membership import PATIENCE, KubeadmError, change


def main() -> None:
    """Read the options, act under the lock, report."""
    module = AnsibleModule(
        {
            "action": {"type": "str", "choices": ["init", "join", "reset"], "required": True},
            "name": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "port": {"type": "int", "default": 6443},
            "config": {"type": "str", "no_log": True},
            "discovery": {"type": "str", "no_log": True},
            "control_plane": {"type": "bool", "default": False},
            "reset_allowed": {"type": "bool", "default": False},
            "only_repair": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": PATIENCE},
        },
        supports_check_mode=True,
    )
    try:
        decision = change(module.params, module.check_mode)
    except (KubeadmError, OSError) as error:
        module.fail_json(msg=str(error))
    else:
        module.exit_json(changed=decision.changes, step=decision.step, reason=decision.reason, state=decision.state)


if __name__ == "__main__":
    main()
