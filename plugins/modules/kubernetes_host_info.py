#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say how far a host is on its way into a Kubernetes cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_host_info
author: AI_INFN platform maintainers (@ai-infn)
short_description: Say how far a host is on its way into a Kubernetes cluster
version_added: 0.1.0
description:
  - Looks at the files that kubeadm leaves, at the host's own API server, and asks the cluster with the kubelet's
    certificate whether it knows the host. Needs nothing but Python on the host.
  - Also returns the fact C(installed_packages), the names of the packages that are installed, since it costs no further
    visit.
extends_documentation_fragment:
  - ai_infn.platform.attributes.info
options:
  name:
    description: Name of the host's Node.
    type: str
    required: true
  address:
    description: Address of the host's own API server. The default is the one with which the host reaches its default
      route.
    type: str
  port:
    description: Port of the host's own API server.
    type: int
    default: 6443
  wait:
    description: Seconds to wait for the host's own API server, where the host has one.
    type: int
    default: 0
attributes:
  facts:
    description: Returns the fact C(installed_packages).
    support: full
"""

EXAMPLES = r"""
- name: See how far the host is
  ai_infn.platform.kubernetes_host_info:
    name: worker-1
  register: host
"""

RETURN = r"""
address:
  description: Address of the host.
  returned: always
  type: str
state:
  description:
    - V(clean) has nothing of Kubernetes; V(unfinished) was left by an interrupted kubeadm; V(member) belongs to a
      cluster;
      V(stale) believes so, but its cluster does not know it; V(leftover) has parts that nobody uses.
  returned: always
  type: str
unfinished:
  description: What kubeadm began and did not end, V(init) or V(join).
  returned: always
  type: str
control_plane:
  description: Whether the host has an API server of its own.
  returned: always
  type: bool
api:
  description: Whether that API server is ready.
  returned: always
  type: bool
configuration:
  description: Fingerprint of the options that the host's static pods run with; empty where they run with several or
    none.
  returned: always
  type: str
etcd_data:
  description: Whether the host holds data of etcd.
  returned: always
  type: bool
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import api_ready, read_text, wait_for
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.host import (
    DPKG_STATUS,
    classify,
    configuration,
    installed,
    observe,
    own_address,
)


def main() -> None:
    """Observe and report."""
    module = AnsibleModule(
        {
            "name": {"type": "str", "required": True},
            "address": {"type": "str"},
            "port": {"type": "int", "default": 6443},
            "wait": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    name, port, wait = (module.params[key] for key in ("name", "port", "wait"))
    address = module.params["address"] or own_address()
    seen = observe(name, address, port)
    if wait and seen.control_plane and not seen.api:
        wait_for(lambda: api_ready(address, port), wait, 1.0)
        seen = observe(name, address, port)
    module.exit_json(
        changed=False,
        address=address,
        state=classify(seen),
        unfinished=seen.unfinished,
        control_plane=seen.control_plane,
        api=seen.api,
        etcd_data=seen.etcd_data,
        configuration=configuration(),
        ansible_facts={"installed_packages": installed(read_text(DPKG_STATUS))} if os.path.exists(DPKG_STATUS) else {},
    )


if __name__ == "__main__":
    main()
