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
    description: Seconds to wait until the server leads or receives, and until commits rely no more on O(without);
      0 to tell the state only.
    type: int
    default: 0
  without:
    description:
      - A member that leaves. The host's agent goes on without it; a commit that it has confirmed is confirmed by
        others before it counts no more. The inventory says the same once its line is gone.
    type: str
    default: ""
  lead:
    description:
      - Have the host's server lead. It must receive from who leads now, whose server ends in order. Clients are cut off
        and connect anew, and no commit is lost.
      - Changes nothing where it leads already.
    type: bool
    default: false
  restart:
    description:
      - Restart the host's server and wait until it is back. V(needed) restarts it where settings, or a program that was
        replaced, wait for that.
      - A server that leads is an error; have another one lead first, or say O(in_place).
    type: str
    choices: [never, needed, always]
    default: never
  in_place:
    description: Restart the server also if it leads. Clients are cut off until it is back, and nobody else leads.
    type: bool
    default: false
  program:
    description: The agent's program.
    type: path
    default: /usr/local/sbin/postgresql-failover
  settings:
    description: The agent's settings.
    type: path
    default: /etc/postgresql-failover/settings.json
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
  description: What etcd says of the cluster, what the host's server is, and what that says itself (C(server.report)),
    as C(postgresql-failover status) prints it; empty in check mode on a host without the agent.
  returned: success
  type: dict
former_leader:
  description: Who led before; empty for nobody, and in check mode on a host without the agent.
  returned: success
  type: str
"""

import json
import os
import tempfile
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.leaving import lead_objection, relies_on

AGENT = "postgresql-failover.service"


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
            "without": {"type": "str", "default": ""},
            "restart": {"type": "str", "choices": ["never", "needed", "always"], "default": "never"},
            "in_place": {"type": "bool", "default": False},
            "program": {"type": "path", "default": "/usr/local/sbin/postgresql-failover"},
            "settings": {"type": "path", "default": "/etc/postgresql-failover/settings.json"},
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
    settings, restarts = settings_without(module), waits_for_restart(module, before)
    cluster = before if module.check_mode else carry_out(module, before["me"], begins, leads, settings, restarts)
    leads = leads and (module.check_mode or cluster["leader"] != before["leader"])
    changed = bool(begins or leads or settings or restarts)
    module.exit_json(changed=changed, cluster=cluster, former_leader=before["leader"])


def waits_for_restart(module: AnsibleModule, cluster: dict) -> bool:
    """Return whether the server is to be restarted."""
    wanted = module.params["restart"]
    return wanted == "always" or (wanted == "needed" and bool(cluster["server"]["report"].get("pending_restart")))


def settings_without(module: AnsibleModule) -> str:
    """Return the agent's settings without the member that leaves; empty where they are like that."""
    leaving = module.params["without"]
    if not leaving:
        return ""
    with open(module.params["settings"], encoding="utf-8") as file:
        settings = json.load(file)
    if settings["members"].pop(leaving, None) is None:
        return ""
    return json.dumps(settings, indent=4, sort_keys=True) + "\n"


def carry_out(module: AnsibleModule, me: str, begins: bool, leads: bool, settings: str, restarts: bool) -> dict:
    """Do what is needed, and return what there is then."""
    if begins:
        ask(module, "begin")
    if leads:
        ask(module, "switchover", "--to", me)
    if settings:
        write(module, settings)
        module.run_command(["systemctl", "restart", AGENT], check_rc=True)
    if restarts:
        ask(module, "restart", *(["--in-place"] if module.params["in_place"] else []))
    if module.params["wait"]:
        ask(module, "await", "--seconds", str(module.params["wait"]))
    if module.params["wait"] and module.params["without"]:
        return wait_without(module)
    return json.loads(ask(module, "status"))


def wait_without(module: AnsibleModule) -> dict:
    """Wait until no commit relies on the member that leaves, and return what there is then."""
    leaving, deadline = module.params["without"], time.monotonic() + module.params["wait"]
    while relies_on(cluster := json.loads(ask(module, "status")), leaving):
        if time.monotonic() > deadline:
            module.fail_json(
                msg=f"Commits rely on {leaving} after {module.params['wait']} s, since the others have not confirmed "
                "all that was written. Remedy: see the lag of the standbys in status.yml; repeat it then.",
                cluster=cluster,
            )
        time.sleep(0.5)  # the pace of asking, with the deadline above
    return cluster


def write(module: AnsibleModule, settings: str) -> None:
    """Replace the agent's settings as a whole."""
    number, path = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(settings)
    module.atomic_move(path, module.params["settings"])


if __name__ == "__main__":
    main()
