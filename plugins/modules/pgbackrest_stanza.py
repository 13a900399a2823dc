#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a stanza in a pgBackRest repository, and a backup in it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbackrest_stanza
author: AI_INFN platform maintainers (@ai-infn)
short_description: Have a stanza in a pgBackRest repository, and a backup in it
version_added: 0.1.0
description:
  - Runs on the host that keeps the repository, whose C(pgbackrest.conf) names the stanza and its servers.
  - A stanza that is not there is made; then it is seen that the log of whoever is primary arrives.
  - Where C(pgbackrest.conf) names several repositories, all of this is done in each.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  stanza:
    description: Name of the stanza.
    type: str
    required: true
  backup:
    description:
      - Make a backup of this kind now. Left out, a first one is made where there is none.
    type: str
    choices: [full, diff, incr]
  lost:
    description: Whether the servers may be lost. Then their log is archived to its end if one answers, and nothing is
      made.
    type: bool
    default: false
  user:
    description: Who the repository belongs to.
    type: str
    default: postgres
attributes:
  diff_mode:
    details: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Have the stanza and a first backup
  ai_infn.platform.pgbackrest_stanza:
    stanza: cnaf

- name: Make a full backup
  ai_infn.platform.pgbackrest_stanza:
    stanza: cnaf
    backup: full
"""

RETURN = r"""
backups:
  description: Labels of the backups that there are, the oldest first.
  returned: success
  type: list
  elements: str
"""

import json

from ansible.module_utils.basic import AnsibleModule


def pgbackrest(module: AnsibleModule, *words: str, may_fail: bool = False) -> str:
    """Run pgBackRest as who the repository belongs to; its failure is the module's, unless it may fail."""
    stanza = f"--stanza={module.params['stanza']}"
    command = ["runuser", "-u", module.params["user"], "--", "pgbackrest", stanza, *words]
    code, output, errors = module.run_command(command, cwd="/")
    if code != 0 and not may_fail:
        lines = [line for line in (errors + output).splitlines() if "ERROR" in line or "HINT" in line or "WARN" in line]
        module.fail_json(msg=f"pgbackrest {words[-1]}: {' '.join(lines) or (errors or output).strip()}")
    return output


HAS_STANZA = (0, 2)
"""Statuses of a repository: it is well, or has no backup yet."""


def look(module: AnsibleModule) -> tuple[dict[int, bool], dict[str, int]]:
    """Return of each repository whether it has the stanza, and of each backup in which repository it is."""
    (found,) = json.loads(pgbackrest(module, "--output=json", "--log-level-console=off", "info"))
    there = {one["key"]: one["status"]["code"] in HAS_STANZA for one in found["repo"]}
    return there, {one["label"]: one["database"]["repo-key"] for one in found["backup"]}


def main() -> None:
    """Make the stanza if it is not there, and a backup if one is wanted or there is none."""
    module = AnsibleModule(
        {
            "stanza": {"type": "str", "required": True},
            "backup": {"type": "str", "choices": ["full", "diff", "incr"]},
            "lost": {"type": "bool", "default": False},
            "user": {"type": "str", "default": "postgres"},
        },
        supports_check_mode=True,
    )
    if module.check_mode and not module.get_bin_path("pgbackrest"):
        module.exit_json(changed=True, backups=[])
    there, backups = look(module)
    if module.params["lost"]:
        if any(there.values()) and not module.check_mode:
            pgbackrest(module, "check", may_fail=True)
        module.exit_json(changed=False, backups=list(backups))
    wanted = module.params["backup"]
    into = [key for key in there if wanted or key not in backups.values()]
    if not module.check_mode:
        if not all(there.values()):
            pgbackrest(module, "stanza-create")
        pgbackrest(module, "check")
        for key in into:
            pgbackrest(module, f"--repo={key}", f"--type={wanted or 'full'}", "backup")
        if into:
            backups = look(module)[1]
    module.exit_json(changed=bool(into or not all(there.values())), backups=list(backups))


if __name__ == "__main__":
    main()
