#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring a project to the state that a site declares."""

from __future__ import annotations

DOCUMENTATION = r"""
module: openstack_site
author: AI_INFN platform maintainers (@ai-infn)
short_description: Bring an OpenStack project to the state that a site declares
version_added: 0.1.0
description:
  - Makes the site's network, router, security groups, key pair, server groups, and for each host its port, volumes,
    server and floating IP, in one call. Hosts are made in parallel.
  - Before the first change, contradictions and every missing quota are reported at once.
  - A host whose server fails is named in RV(failed_servers) and does not hold up the others. The next run deletes a
    server that never ran and tries again; a server that ran before is left to a person.
  - Flavor, address and size of what exists are never changed; a difference is reported.
extends_documentation_fragment:
  - ai_infn.platform.attributes
  - ai_infn.platform.openstack_cloud
  - ai_infn.platform.openstack_cloud.site
options:
  known_hosts:
    description: A known_hosts file from which the entries of a server that is made (or made anew) are removed.
    type: path
    required: true
  server_deadline:
    description: Seconds that a server may take to become active.
    type: int
    default: 600
  workers:
    description: How many calls run at the same time.
    type: int
    default: 16
attributes:
  check_mode:
    details: Reports the same plan without running it.
  diff_mode:
    details: Shows each object that changes. What the cloud chooses is shown as known only once it exists.
    support: full
notes:
  - Needs the ordinary rights of a member of the project.
"""

EXAMPLES = r"""
- name: Provision a site
  ai_infn.platform.openstack_site:
    cloud: lab
    clouds_file: /etc/ai-infn/clouds.yaml
    site: lab
    network: {name: lab, cidr: 10.64.0.0/24, external: external}
    security_groups:
      host:
        members: [all]
        rules:
          - {protocol: tcp, port_min: 22, from: admin}
    admin_cidrs: [203.0.113.0/24]
    key_name: lab
    public_key: "{{ lookup('ansible.builtin.file', '/etc/ai-infn/id_ed25519.pub') }}"
    known_hosts: /etc/ai-infn/known_hosts
    hosts:
      - {name: worker-1, groups: [kube_worker], flavor: m1.medium, image: debian-13, volumes: [{name: data, size: 10}]}
"""

RETURN = r"""
servers:
  description: The declared hosts in the cloud, by name. In check mode only those that exist.
  returned: always
  type: dict
  contains:
    id:
      description: Id of the server.
      type: str
    status:
      description: Status of the server.
      type: str
    address:
      description: Address in the site's network.
      type: str
    floating_ip:
      description: Floating IP, or nothing.
      type: str
    created:
      description: Whether this run made the server.
      type: bool
    volumes:
      description: Data volumes by name, each with C(id), C(device) in the cloud, and C(path), stable in a virtio guest.
      type: dict
failed_servers:
  description: For each host that could not be brought to its state, why.
  returned: always
  type: dict
undeclared:
  description: Names of servers of the site that are not among the hosts.
  returned: always
  type: list
  elements: str
steps:
  description: What was done, or in check mode would be.
  returned: always
  type: list
  elements: str
planned:
  description: For each host, what can be predicted only once it exists.
  returned: always
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.client import CloudError, connect
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.model import InputError, site_from_options
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.run import bring_to_state
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.spec import SITE_OPTIONS


def main():
    """Run the module."""
    own = {
        "known_hosts": {"type": "path", "required": True},
        "server_deadline": {"type": "int", "default": 600},
        "workers": {"type": "int", "default": 16},
    }
    module = AnsibleModule(argument_spec={**SITE_OPTIONS, **own}, supports_check_mode=True)
    try:
        site = site_from_options(module.params)
        client = connect(module.params["cloud"], module.params["clouds_file"])
        result = bring_to_state(client, site, module.params, dry=module.check_mode)
    except (InputError, CloudError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
