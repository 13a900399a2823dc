#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a monitor of a Ceph cluster on its host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_monitor
author: AI_INFN platform maintainers (@ai-infn)
short_description: Have a monitor of a Ceph cluster on its host
version_added: 0.1.0
description:
  - Makes a monitor's store, has the monitor run, and returns when it votes. One that has its store keeps it.
  - Whether a cluster runs is for the caller to find out, since a monitor that begins a second one would be believed.
  - Monitors are brought one after the other, the first one alone.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  name:
    description: Name of the monitor, which is its host's.
    type: str
    required: true
  address:
    description: Its address, which it keeps for ever.
    type: str
    required: true
  fsid:
    description: Identity of the cluster, a UUID.
    type: str
    required: true
  join:
    description: Whether a cluster runs, to which C(/etc/ceph/ceph.conf) leads. Otherwise the monitor begins one.
    type: bool
    default: false
  key:
    description: The key that all monitors share.
    type: str
    required: true
  admin_key:
    description: The key of C(client.admin).
    type: str
    required: true
  wait:
    description: How many seconds to wait until it votes.
    type: int
    default: 60
attributes:
  diff_mode:
    details: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Have the only monitor
  ai_infn.platform.ceph_monitor:
    name: storage-1
    address: 192.0.2.10
    fsid: 5d2a0a52-7d0c-4b5c-9d3e-2f9c3f6f7e01
    key: "{{ ceph_monitor_key }}"
    admin_key: "{{ ceph_admin_key }}"
  no_log: true
"""

RETURN = r"""
folder:
  description: Where its store is.
  returned: success
  type: str
"""

import os
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.client import (
    Ceph,
    CephError,
    call,
    keep_running,
    keeps_running,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.monitors import (
    FOLDER,
    first_keys,
    map_command,
    votes,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import wait_for


def make_store(module: AnsibleModule, folder: str) -> None:
    """Make the store beside its place and move it there, so that an interruption leaves none. Raises CephError."""
    params, run = module.params, module.run_command
    draft = f"{folder}.new"
    shutil.rmtree(draft, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=module.tmpdir) as keep:
        monitors, keys = f"{keep}/monmap", f"{keep}/keyring"
        if params["join"]:
            Ceph(run).tell("mon", "getmap", "--out-file", monitors)
        else:
            call(run, map_command(monitors, params["fsid"], params["name"], params["address"]))
        with open(keys, "w", encoding="ascii") as stream:
            stream.write(first_keys(params["key"], params["admin_key"]))
        os.makedirs(draft, mode=0o750)
        identity = ["--id", params["name"], "--mon-data", draft, "--monmap", monitors, "--keyring", keys]
        call(run, ["ceph-mon", "--mkfs", *identity])
    call(run, ["chown", "--recursive", "ceph:ceph", draft])
    os.rename(draft, folder)


def has_vote(module: AnsibleModule) -> bool:
    """Tell whether the monitor is one of those that agree; one that begins does not answer at once."""
    try:
        return votes(Ceph(module.run_command, patience=5).ask("quorum_status"), module.params["name"])
    except CephError:
        return False


def main() -> None:
    """Make the store unless it is there, and have the monitor run."""
    module = AnsibleModule(
        {
            "name": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "fsid": {"type": "str", "required": True},
            "join": {"type": "bool", "default": False},
            "key": {"type": "str", "required": True, "no_log": True},
            "admin_key": {"type": "str", "required": True, "no_log": True},
            "wait": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    name, wait = module.params["name"], module.params["wait"]
    folder, unit = FOLDER.format(name=name), f"ceph-mon@{name}.service"
    missing = not os.path.isdir(folder)
    changed = missing or not keeps_running(module.run_command, unit)
    if changed and not module.check_mode:
        try:
            if missing:
                make_store(module, folder)
            keep_running(module.run_command, unit)
        except (CephError, OSError) as error:
            module.fail_json(msg=f"{name} has no monitor: {error}")
    if not module.check_mode and not wait_for(lambda: has_vote(module), wait):
        module.fail_json(msg=f"The monitor of {name} does not vote after {wait} s. See journalctl -u {unit}.")
    module.exit_json(changed=changed, folder=folder)


if __name__ == "__main__":
    main()
