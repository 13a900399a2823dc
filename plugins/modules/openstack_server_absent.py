#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Remove one host of a site from its project."""

from __future__ import annotations

DOCUMENTATION = r"""
module: openstack_server_absent
author: AI_INFN platform maintainers (@ai-infn)
short_description: Remove one host of a site from its OpenStack project
version_added: 0.1.0
description:
  - Deletes the host's server, port and floating IP, and forgets its SSH host keys.
  - Its data volumes are kept, and are attached again when a host of that name returns, unless O(delete_volumes=true).
  - Refuses a server that the site did not make.
extends_documentation_fragment:
  - ai_infn.platform.attributes
  - ai_infn.platform.openstack_cloud
options:
  name:
    description: Name of the host.
    type: str
    required: true
  delete_volumes:
    description: Whether to destroy its data volumes too.
    type: bool
    default: false
  known_hosts:
    description: A known_hosts file from which the host's entries are removed.
    type: path
    required: true
  server_deadline:
    description: Seconds that the server may take to disappear.
    type: int
    default: 300
attributes:
  check_mode:
    details: Says what would be destroyed.
  diff_mode:
    details: Shows what is destroyed.
    support: full
"""

EXAMPLES = r"""
- name: Remove a worker, keep its data
  ai_infn.platform.openstack_server_absent:
    cloud: lab
    site: lab
    name: worker-2
    known_hosts: /etc/ai-infn/known_hosts
"""

RETURN = r"""
destroyed:
  description: What was destroyed, or in check mode would be.
  returned: always
  type: list
  elements: str
kept:
  description: Volumes that were kept.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.client import CloudError, connect
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.removal import remove_host
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.spec import CLOUD_OPTIONS


def main():
    """Run the module."""
    own = {
        "name": {"type": "str", "required": True},
        "delete_volumes": {"type": "bool", "default": False},
        "known_hosts": {"type": "path", "required": True},
        "server_deadline": {"type": "int", "default": 300},
    }
    module = AnsibleModule(argument_spec={**CLOUD_OPTIONS, **own}, supports_check_mode=True)
    try:
        client = connect(module.params["cloud"], module.params["clouds_file"])
        result = remove_host(client, module.params, dry=module.check_mode)
    except CloudError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
