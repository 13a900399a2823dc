#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare a declared site with its project."""

from __future__ import annotations

DOCUMENTATION = r"""
module: openstack_preflight
author: AI_INFN platform maintainers (@ai-infn)
short_description: Compare a declared site with its OpenStack project
version_added: 0.1.0
description:
  - Looks for all that would keep M(ai_infn.platform.openstack_site) from bringing the project to its declared state.
    Changes nothing.
  - Fails with everything that was found at once - credentials, unknown flavors, images and networks, names or addresses
    that are declared twice or taken, addresses outside the subnet, and a table of each quota that is too small.
  - What exists already is not counted against the quotas again.
extends_documentation_fragment:
  - ai_infn.platform.attributes.info
  - ai_infn.platform.openstack_cloud
  - ai_infn.platform.openstack_cloud.site
options:
  other_hosts:
    description: Addresses of declared hosts that are not in this cloud, by their name.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Is there room for the site
  ai_infn.platform.openstack_preflight:
    cloud: lab
    site: lab
    network: {name: lab, cidr: 10.64.0.0/24, external: external}
    key_name: lab
    hosts:
      - {name: worker-1, groups: [kube_worker], flavor: m1.medium, image: debian-13}
"""

RETURN = r"""
quotas:
  description:
    - What the site still needs, with C(resource), C(needed), C(available) (none for unlimited) and C(shortage).
  returned: success and failure
  type: list
  elements: dict
problems:
  description: What was found, one sentence each.
  returned: failure
  type: list
  elements: str
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.client import CloudError, connect
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.model import InputError, site_from_options
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.run import inspect
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.spec import SITE_OPTIONS


def main():
    """Run the module."""
    own = {"other_hosts": {"type": "dict", "default": {}}}
    module = AnsibleModule(argument_spec={**SITE_OPTIONS, **own}, supports_check_mode=True)
    try:
        site = site_from_options(module.params)
        client = connect(module.params["cloud"], module.params["clouds_file"])
        problems, lines = inspect(site, client.read(), module.params["other_hosts"])
    except InputError as error:
        module.fail_json(msg=str(error), problems=error.problems)
    except CloudError as error:
        module.fail_json(msg=str(error), problems=[str(error)])
    quotas = [{**asdict(line), "shortage": line.shortage} for line in lines]
    if problems:
        module.fail_json(msg="\n".join(problems), problems=problems, quotas=quotas)
    module.exit_json(changed=False, quotas=quotas)


if __name__ == "__main__":
    main()
