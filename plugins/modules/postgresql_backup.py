#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell which backups of a PostgreSQL cluster there are, and prove that the last one can be restored."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_backup
author: AI_INFN platform maintainers (@ai-infn)
short_description: Tell which backups of a PostgreSQL cluster there are, and prove the last one
version_added: 0.1.0
description:
  - Asks the program on the backup host that the role C(postgresql_backup_check) installs.
  - A check restores the last backup and the archived log into a scratch server, looks at what came back, and removes
    it. It changes neither the cluster nor the repository, so the module never reports a change. In check mode it says
    only whether there is a backup, and room for it.
extends_documentation_fragment:
  - ai_infn.platform.attributes.info
options:
  check:
    description: Whether the last backup is checked now. What speaks against it is an error before anything is done.
    type: bool
    default: false
  live:
    description: What M(ai_infn.platform.postgresql_member) returned as C(cluster) on the members of the cluster, to
      compare with what came back.
    type: list
    elements: dict
    default: []
  folder:
    description: Folder that has the report of the last check.
    type: path
    default: /var/lib/postgresql-backup-check
  unit:
    description: The unit that checks.
    type: str
    default: postgresql-backup-check.service
  program:
    description: The program.
    type: path
    default: /usr/local/sbin/postgresql-backup-check
"""

EXAMPLES = r"""
- name: Ask for the backups
  ai_infn.platform.postgresql_backup:
  register: answer

- name: Prove that the last one can be restored
  ai_infn.platform.postgresql_backup:
    check: true
"""

RETURN = r"""
backups:
  description: The stanza's backups and the report of the last check, as C(postgresql-backup-check status) prints them;
    empty in check mode on a host without the program.
  returned: success
  type: dict
report:
  description: The report of this check; C(proven) are sentences. Empty where none was made.
  returned: always
  type: dict
"""

import json
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.restored import compared


def ask(module: AnsibleModule) -> dict:
    """Return the backups, and what speaks against a check; a failure is the module's."""
    program = module.params["program"]
    if not os.path.exists(program):
        module.fail_json(msg=f"{program} is not there, which database.yml installs", report={})
    code, output, errors = module.run_command([program, "status"])
    if code != 0:
        module.fail_json(msg=f"postgresql-backup-check: {(errors or output).strip()}", report={})
    return json.loads(output)


def check(module: AnsibleModule) -> dict:
    """Have the unit check, and return its report, to which the comparison with the cluster is added."""
    path = f"{module.params['folder']}/result.json"
    before = os.stat(path).st_mtime_ns if os.path.exists(path) else 0
    code, _output, errors = module.run_command(["systemctl", "start", module.params["unit"]])
    if not os.path.exists(path) or os.stat(path).st_mtime_ns == before:
        module.fail_json(msg=f"{module.params['unit']} left no report (rc {code}): {errors.strip()}", report={})
    with open(path, encoding="utf-8") as stream:
        report = json.load(stream)
    problem, sentence = compared(report, module.params["live"]) if report["ok"] else (report["problem"], "")
    if problem:
        module.fail_json(msg=f"The last backup is not good: {problem}.", report=report)
    return {**report, "proven": [*report["proven"], sentence]}


def main() -> None:
    """Tell what there is, and check it if asked."""
    module = AnsibleModule(
        {
            "check": {"type": "bool", "default": False},
            "live": {"type": "list", "elements": "dict", "default": []},
            "folder": {"type": "path", "default": "/var/lib/postgresql-backup-check"},
            "unit": {"type": "str", "default": "postgresql-backup-check.service"},
            "program": {"type": "path", "default": "/usr/local/sbin/postgresql-backup-check"},
        },
        supports_check_mode=True,
    )
    if module.check_mode and not os.path.exists(module.params["program"]):
        module.exit_json(changed=False, backups={}, report={})
    backups, report = ask(module), {}
    if module.params["check"]:
        if backups["problems"]:
            module.fail_json(msg="Nothing was done. " + " ".join(backups["problems"]), report={})
        report = {} if module.check_mode else check(module)
    module.exit_json(changed=False, backups=backups, report=report)


if __name__ == "__main__":
    main()
