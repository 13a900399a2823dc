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
  lead:
    description:
      - Have the host's server lead. It must receive from who leads now, whose server ends in order. Clients are cut off
        and connect anew, and no commit is lost.
      - Changes nothing where it leads already.
    type: bool
    default: false
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

- name: Have this host's server lead
  ai_infn.platform.postgresql_member:
    lead: true
"""

RETURN = r"""
cluster:
  description: What etcd says of the cluster and what the host's server is, as C(postgresql-failover status) prints it;
    empty in check mode on a host without the agent.
  returned: success
  type: dict
former_leader:
  description: Who led before; empty for nobody, and in check mode on a host without the agent.
  returned: success
  type: str
"""

import json
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.leaving import lead_objection


def ask(module: AnsibleModule, *words: str) -> str:
    """Run the agent's program; its failure is the module's."""
    code, output, errors = module.run_command([module.params["program"], *words])
    if code != 0:
        module.fail_json(msg=f"postgresql-failover {words[0]}: {(errors or output).strip()}")
    return output


def main() -> None:
    """Make the cluster or change its leader if asked and needed, wait, and tell what there is."""
    module = AnsibleModule(
        {
            "begin": {"type": "bool", "default": False},
            "wait": {"type": "int", "default": 0},
            "lead": {"type": "bool", "default": False},
            "program": {"type": "path", "default": "/usr/local/sbin/postgresql-failover"},
        },
        supports_check_mode=True,
    )
    if module.check_mode and not os.path.exists(module.params["program"]):
        module.exit_json(changed=module.params["begin"] or module.params["lead"], cluster={}, former_leader="")
    before = json.loads(ask(module, "status"))
    begins = module.params["begin"] and before["answered"] and not before["term"]
    leads = module.params["lead"] and before["leader"] != before["me"]
    objection = lead_objection(before) if module.params["lead"] else None
    if objection:
        module.fail_json(msg=f"{before['me']} cannot lead: {objection}.", cluster=before)
    cluster = before if module.check_mode else carry_out(module, before["me"], begins, leads)
    leads = leads and (module.check_mode or cluster["leader"] != before["leader"])
    module.exit_json(changed=bool(begins or leads), cluster=cluster, former_leader=before["leader"])


def carry_out(module: AnsibleModule, me: str, begins: bool, leads: bool) -> dict:
    """Do what is needed, and return what there is then."""
    if begins:
        ask(module, "begin")
    if leads:
        ask(module, "switchover", "--to", me)
    if module.params["wait"]:
        ask(module, "await", "--seconds", str(module.params["wait"]))
    return json.loads(ask(module, "status"))


if __name__ == "__main__":
    main()
