#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have the host's PostgreSQL server be a member of its cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_member
author: AI_INFN platform maintainers (@ai-infn)
short_description: Have the host's PostgreSQL server be a member of its cluster
version_added: 0.1.0
description:
  - Asks the failover agent's program, which the role C(postgresql_failover) installs.
  - The agents do the work by themselves; this module makes a cluster that is not there yet, and waits until the host's
    server leads or receives.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  begin:
    description:
      - Make the cluster if there is none, with a new server of this host as its first primary. Data that are there
        already are left alone, and are an error.
    type: bool
    default: false
  wait:
    description: Seconds to wait until the server leads or receives; 0 to tell the state only.
    type: int
    default: 0
  program:
    description: The agent's program.
    type: path
    default: /usr/local/sbin/postgresql-failover
attributes:
  diff_mode:
    details: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Have a cluster
  ai_infn.platform.postgresql_member:
    begin: "{{ inventory_hostname == groups['postgresql'] | first }}"
    wait: 300
"""

RETURN = r"""
cluster:
  description: What etcd says of the cluster and what the host's server is, as C(postgresql-failover status) prints it;
    empty in check mode on a host without the agent.
  returned: success
  type: dict
"""

import json
import os

from ansible.module_utils.basic import AnsibleModule


def ask(module: AnsibleModule, *words: str) -> str:
    """Run the agent's program; its failure is the module's."""
    code, output, errors = module.run_command([module.params["program"], *words])
    if code != 0:
        module.fail_json(msg=f"postgresql-failover {words[0]}: {(errors or output).strip()}")
    return output


def main() -> None:
    """Make the cluster if asked and there is none, wait, and tell what there is."""
    module = AnsibleModule(
        {
            "begin": {"type": "bool", "default": False},
            "wait": {"type": "int", "default": 0},
            "program": {"type": "path", "default": "/usr/local/sbin/postgresql-failover"},
        },
        supports_check_mode=True,
    )
    if module.check_mode and not os.path.exists(module.params["program"]):
        module.exit_json(changed=module.params["begin"], cluster={})
    cluster = json.loads(ask(module, "status"))
    begins = module.params["begin"] and cluster["answered"] and not cluster["term"]
    if not module.check_mode:
        if begins:
            ask(module, "begin")
        if module.params["wait"]:
            ask(module, "await", "--seconds", str(module.params["wait"]))
        cluster = json.loads(ask(module, "status"))
    module.exit_json(changed=bool(begins), cluster=cluster)


if __name__ == "__main__":
    main()
