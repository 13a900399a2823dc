# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Give the declared hosts of a site the addresses of their servers."""

from __future__ import annotations

DOCUMENTATION = r"""
name: openstack_servers
author: AI_INFN platform maintainers (@ai-infn)
short_description: Give the declared hosts of a site the addresses of their OpenStack servers
version_added: 0.1.0
description:
  - Adds C(ansible_host), C(openstack_server_id) and C(openstack_server_address) to hosts that an earlier source of the
    same inventory declares. A folder is read in the order of names, C(hosts.yml) before C(openstack.yml).
  - C(openstack_server_host_id) is the same for servers on the same hypervisor, whose name a tenant is not told.
  - Looks only at servers that the site made. A server that is not declared, or that another one made, is never a host.
  - A host with a hand-written C(ansible_host) keeps it.
  - A floating IP is preferred to the address in the site's network.
  - When the cloud does not answer or there are no credentials yet, no host gets an address, and a warning says so.
  - Site and cloud are those of the variables of group C(all), with the defaults of the roles C(site_defaults) and
    C(openstack), so that a copied inventory needs nothing here.
notes:
  - P(openstack.cloud.openstack#inventory) adds every server of a project as a host and cannot be told otherwise.
options:
  plugin:
    description: Name of the plugin.
    required: true
    choices: [ai_infn.platform.openstack_servers]
  cloud:
    description: Name of the cloud in C(clouds.yaml).
    type: str
    required: true
    vars:
      - name: openstack_cloud
  clouds_file:
    description: The C(clouds.yaml), relative to the inventory file. Empty means the places where openstacksdk looks.
    type: str
    default: ""
    vars:
      - name: openstack_clouds_file
  site:
    description: Name of the site.
    type: str
    required: true
    vars:
      - name: site_name
requirements:
  - openstacksdk
"""

EXAMPLES = r"""
---
# inventories/SITE/openstack.yml; group_vars/all names site and cloud.
plugin: ai_infn.platform.openstack_servers

---
# A folder whose variables name neither.
plugin: ai_infn.platform.openstack_servers
site: lab
cloud: lab
clouds_file: /var/lib/ai-infn-lab/site/clouds.yaml
"""

import os
from functools import partial

from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.template import trust_as_template
from ansible.utils.vars import combine_vars
from ansible.vars.plugins import get_vars_from_inventory_sources

ROLES = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "roles")
VARIABLES = ("site_name", "openstack_cloud", "openstack_clouds_file")


class InventoryModule(BaseInventoryPlugin):
    """The inventory plugin ``ai_infn.platform.openstack_servers``."""

    NAME = "ai_infn.platform.openstack_servers"

    def verify_file(self, path):
        """Accept files named like those of openstack.cloud."""
        return super().verify_file(path) and path.endswith(("openstack.yml", "openstack.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        """Ask nova and neutron once and set the variables of declared hosts."""
        super().parse(inventory, loader, path, cache)
        # The options below have them as a source: _vars are the extra variables until here.
        self._vars = self._site_variables(path)
        self._read_config_data(path)
        for name, variables in self._live(path).items():
            host = inventory.get_host(name)
            if host is None or ("ansible_host" in host.vars and "openstack_server_id" not in host.vars):
                continue
            for key, value in variables.items():
                # An address or an id, never a template. Not trusted_by_default: that of the first source holds for all.
                inventory.set_variable(name, key, trust_as_template(value))

    def _site_variables(self, path):
        """Return what the roles will know as the site, its cloud and its credentials."""
        every = self.inventory.groups["all"]
        variables = {"inventory_dir": os.path.dirname(os.path.abspath(path))}
        for source in (
            *(self._role_defaults(role) for role in ("site_defaults", "openstack")),
            every.get_vars(),
            get_vars_from_inventory_sources(self.loader, [path], [every], "all"),
            self._vars,
        ):
            variables = combine_vars(variables, source)
        self.templar.available_variables = variables
        return {name: self.templar.template(variables[name]) for name in VARIABLES}

    def _role_defaults(self, role):
        path = os.path.join(ROLES, role, "defaults", "main.yml")
        return self.loader.load_from_file(path, trusted_as_template=True)

    def _live(self, path):
        # Not at the top: the SDK takes half a second, and every run of Ansible loads this plugin.
        from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.client import (
            CloudError,
            connect,
            in_parallel,
        )
        from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.live import host_variables

        clouds_file = self.get_option("clouds_file")
        if clouds_file:
            clouds_file = os.path.join(os.path.dirname(os.path.abspath(path)), os.path.expanduser(clouds_file))
        try:
            client = connect(self.get_option("cloud"), clouds_file)
            servers, floating_ips = in_parallel(
                [
                    partial(client.listed, "compute", "/servers/detail", "servers"),
                    partial(client.listed, "network", "/floatingips", "floatingips", project_id=client.project),
                ],
                workers=2,
            )
            return host_variables(servers, floating_ips, self.get_option("site"))
        except CloudError as error:
            self.display.warning(f"No addresses from the cloud: {error}")
            return {}
