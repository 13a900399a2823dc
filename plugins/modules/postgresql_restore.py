#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Restore a PostgreSQL server from its pgBackRest repository, as the first of a cluster that is begun anew."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_restore
author: AI_INFN platform maintainers (@ai-infn)
short_description: Restore a PostgreSQL server as the first of a cluster that is begun anew
version_added: 0.1.0
description:
  - Replaces the data of the host's server by those of its pgBackRest repository, up to the end of the archived log or
    to a moment, and makes the cluster anew with it as its primary.
  - The agents of all members must be stopped, and the cluster be one that nobody leads.
  - Whatever is in the folders of data and log is destroyed.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  stanza:
    description: Name of the stanza.
    type: str
    required: true
  target:
    description: Moment to restore to, as PostgreSQL's C(recovery_target_time) takes it; with a time zone. Left out,
      everything that was archived.
    type: str
  data:
    description: Folder of the server's data.
    type: path
    required: true
  wal:
    description: Folder of the write-ahead log, where it is not inside of the data.
    type: path
  state:
    description: Folder of the failover agent.
    type: path
    default: /var/lib/postgresql-failover
  unit:
    description: The server's unit.
    type: str
    default: postgresql-cluster.service
  program:
    description: The agent's program.
    type: path
    default: /usr/local/sbin/postgresql-failover
  timeout:
    description: Seconds that the server may take to replay the log.
    type: int
    default: 3600
attributes:
  diff_mode:
    details: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Come back as of noon
  ai_infn.platform.postgresql_restore:
    stanza: cnaf
    target: 2026-11-26 12:00:00+00
    data: /var/lib/postgresql/17/cnaf
"""

RETURN = r"""
replayed:
  description: Time of the last transaction that was replayed, empty if there was none after the backup.
  returned: success
  type: str
"""

import os
import shutil

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import wait_for

RESET = (
    "restore_command",
    "recovery_target_time",
    "recovery_target_action",
    "recovery_target",
    "recovery_target_timeline",
)
"""What pgBackRest writes for the recovery, and what a primary must not keep."""


def run(module: AnsibleModule, *command: str) -> str:
    """Run a program; its failure is the module's."""
    code, output, errors = module.run_command(list(command), cwd="/")
    if code != 0:
        lines = (errors + output).strip().splitlines()
        module.fail_json(msg=f"{' '.join(command)[:200]}: {' '.join(lines[-4:])}")
    return output.strip()


def psql(module: AnsibleModule, statement: str) -> str:
    """Run a statement on the host's server; empty while it takes no connections."""
    command = ["runuser", "-u", "postgres", "--", "psql", "-XAtq", "-d", "postgres", "-c", statement]
    return module.run_command(command, cwd="/")[1].strip()


def clear(module: AnsibleModule, folder: str) -> None:
    """Have an empty folder that belongs to the server's user."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
    run(module, "chown", "postgres:postgres", folder)


def restore(module: AnsibleModule) -> str:
    """Put the data in place, replay the log, and return the time of the last transaction."""
    params = module.params
    for folder in filter(None, (params["wal"], params["data"])):
        clear(module, folder)
    target = ["--type=time", f"--target={params['target']}"] if params["target"] else ["--type=default"]
    log = [f"--link-map=pg_wal={params['wal']}"] if params["wal"] else []
    action = ["--target-action=promote"] if params["target"] else []
    stanza = f"--stanza={params['stanza']}"
    run(module, "runuser", "-u", "postgres", "--", "pgbackrest", stanza, *target, *action, *log, "restore")
    for name in ("state.json", "failover.conf", "made", "initializing"):
        if os.path.exists(f"{params['state']}/{name}"):
            os.unlink(f"{params['state']}/{name}")
    module.run_command(["systemctl", "reset-failed", params["unit"]])  # one that did not fail is refused
    run(module, "systemctl", "start", "--no-block", params["unit"])
    if not wait_for(lambda: psql(module, "SELECT pg_is_in_recovery()") == "f", params["timeout"]):
        module.fail_json(msg=f"not replayed after {params['timeout']} s; see journalctl --unit {params['unit']}")
    replayed = psql(module, "SELECT pg_last_xact_replay_timestamp()")
    for name in RESET:
        psql(module, f"ALTER SYSTEM RESET {name}")
    return replayed


def main() -> None:
    """Restore, and begin the cluster."""
    module = AnsibleModule(
        {
            "stanza": {"type": "str", "required": True},
            "target": {"type": "str"},
            "data": {"type": "path", "required": True},
            "wal": {"type": "path"},
            "state": {"type": "path", "default": "/var/lib/postgresql-failover"},
            "unit": {"type": "str", "default": "postgresql-cluster.service"},
            "program": {"type": "path", "default": "/usr/local/sbin/postgresql-failover"},
            "timeout": {"type": "int", "default": 3600},
        },
        supports_check_mode=True,
    )
    replayed = ""
    if not module.check_mode:
        run(module, module.params["program"], "forget")
        replayed = restore(module)
        with open(f"{module.params['state']}/restored", "w", encoding="utf-8"):
            pass
        run(module, module.params["program"], "begin")
    module.exit_json(changed=True, replayed=replayed)


if __name__ == "__main__":
    main()
