#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say how far a host is on its way into a Kubernetes cluster, and let others join there."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_host
author: AI_INFN platform maintainers (@ai-infn)
short_description: Say how far a host is on its way into a Kubernetes cluster, and let others join there
version_added: 0.1.0
description:
  - Looks at the files that kubeadm leaves, at the host's own API server, and asks the cluster with the kubelet's
    certificate whether it knows the host. Needs nothing but Python on the host.
  - To spare a further visit makes, at a control plane, the token by which other hosts join. It is a bootstrap token
    Secret, good for half an hour; the cluster removes it when it has expired.
extends_documentation_fragment:
  - ai_infn.platform.attributes
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
    description: Seconds to wait for the host's own API server, where the host has one. With O(offer=required) also for
      one that is only beginning; that ends at once when kubeadm has failed there.
    type: int
    default: 0
  offer:
    description: Whether to make a token by which hosts join. V(optional) makes one if the cluster lacks a Node of
      O(joining) and its API server gives one, V(required) fails where there is none.
    type: str
    choices: [none, optional, required]
    default: none
  joining:
    description: Names of hosts that shall be nodes, for O(offer=optional).
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    details: Makes no token; returns a void one where it is required.
"""

EXAMPLES = r"""
- name: See how far the host is
  ai_infn.platform.kubernetes_host:
    name: worker-1
  register: host

- name: Make a token
  ai_infn.platform.kubernetes_host:
    name: control-1
    offer: required
  register: join
  no_log: true
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
token:
  description: The token by which hosts join.
  returned: when one was made
  type: str
authority:
  description: Certificate of the cluster's authority, in PEM.
  returned: when a token was made
  type: str
lacking:
  description: The hosts of O(joining) of which the cluster has no Node.
  returned: when a token was made and O(offer=optional)
  type: list
  elements: str
"""

import contextlib

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay import tokens
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import (
    ApiError,
    api_ready,
    wait_for,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.host import (
    Observation,
    classify,
    configuration,
    observe,
    own_address,
)


def look(params) -> tuple[str, Observation]:
    """Return the host's address and what is found on it, once its API server has had O(wait) seconds to be ready."""
    name, port = params["name"], params["port"]
    address = params["address"] or own_address()
    seen = observe(name, address, port)
    if params["wait"] and seen.control_plane and not seen.api:
        wait_for(lambda: api_ready(address, port), params["wait"], 1.0)
        seen = observe(name, address, port)
    return address, seen


def offer(names: list[str]) -> dict:
    """Return a token and which of the hosts the cluster lacks; nothing where it has them all."""
    lacking = tokens.lacking_nodes(names)
    return {**tokens.make(0), "lacking": lacking} if lacking else {}


def main() -> None:
    """Observe, make a token if one is wanted, and report."""
    module = AnsibleModule(
        {
            "name": {"type": "str", "required": True},
            "address": {"type": "str"},
            "port": {"type": "int", "default": 6443},
            "wait": {"type": "int", "default": 0},
            "offer": {"type": "str", "choices": ["none", "optional", "required"], "default": "none"},
            "joining": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    params, offered = module.params, {}
    try:
        if params["offer"] == "required":
            offered = {"token": "", "authority": ""} if module.check_mode else tokens.make(params["wait"])
    except (ApiError, OSError) as error:
        module.fail_json(msg=f"No token was made: {error}")
    address, seen = look(params)
    if params["offer"] == "optional" and seen.api and not module.check_mode:
        with contextlib.suppress(ApiError, OSError):
            offered = offer(params["joining"])
    module.exit_json(
        changed=bool(offered),
        address=address,
        state=classify(seen),
        unfinished=seen.unfinished,
        control_plane=seen.control_plane,
        api=seen.api,
        etcd_data=seen.etcd_data,
        configuration=configuration(),
        **offered,
    )


if __name__ == "__main__":
    main()
