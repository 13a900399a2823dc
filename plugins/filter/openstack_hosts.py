# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Turn inventory variables into the hosts that the cloud modules take."""

from __future__ import annotations

DOCUMENTATION = r"""
name: openstack_hosts
author: AI_INFN platform maintainers (@ai-infn)
short_description: Turn inventory variables into the hosts that the cloud modules take
version_added: 0.1.0
description:
  - Takes those hosts that declare C(openstack_server_flavor), with their other variables C(openstack_server_*).
positional: _input
options:
  _input:
    description: Variables of hosts, such as C(groups['all'] | map('extract', hostvars)).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the declared servers
  ansible.builtin.debug:
    msg: "{{ groups['all'] | map('extract', hostvars) | ai_infn.platform.openstack_hosts }}"
"""

RETURN = r"""
_value:
  description: Hosts as in the option C(hosts) of M(ai_infn.platform.openstack_site).
  type: list
  elements: dict
"""

OPTIONS = {
    "image": "openstack_server_image",
    "fixed_ip": "openstack_server_fixed_ip",
    "floating_ip": "openstack_server_floating_ip",
    "volumes": "openstack_server_volumes",
    "server_group": "openstack_server_group",
    "availability_zone": "openstack_server_availability_zone",
}


def openstack_hosts(variables):
    """Return one entry for each host with a flavor; absent options are left out."""
    result = []
    for host in variables:
        if not host.get("openstack_server_flavor"):
            continue
        entry = {"name": host["inventory_hostname"], "groups": list(host["group_names"])}
        entry["flavor"] = host["openstack_server_flavor"]
        entry.update({key: host[name] for key, name in OPTIONS.items() if name in host})
        result.append(entry)
    return result


class FilterModule:
    """The filter ``ai_infn.platform.openstack_hosts``."""

    def filters(self):
        """Return the filters by name."""
        return {"openstack_hosts": openstack_hosts}
