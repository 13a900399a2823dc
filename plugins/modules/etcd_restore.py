#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put a snapshot in the place of a control plane's etcd data."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_restore
author: AI_INFN platform maintainers (@ai-infn)
short_description: Put a snapshot in the place of a control plane's etcd data
version_added: 0.1.0
description:
  - Stops the static pods, moves the data aside, restores the snapshot and starts the static pods again. Run it on all
    members at once, with the same snapshot, peers and token.
  - An interrupted run is repeated from the start; data is moved aside and never removed.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  snapshot:
    description: Path of the snapshot on this host.
    type: path
    required: true
  name:
    description: Name of this member.
    type: str
    required: true
  peers:
    description: Addresses of all members by name.
    type: dict
    required: true
  token:
    description: Token of the new etcd cluster, the same on all members.
    type: str
    required: true
  timeout:
    description: Seconds that the pods may take to stop.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Restore this member
  ai_infn.platform.etcd_restore:
    snapshot: /var/lib/etcd-restore.db
    name: control-1
    peers: {control-1: 10.64.0.10}
    token: restore-1
"""

RETURN = r"""
aside:
  description: Where the old data is; empty where there was none.
  returned: success
  type: str
"""

import glob
import os
from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import wait_for
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.etcd import restore_command
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.static_pods import MANIFESTS

STOPPED = "/etc/kubernetes/manifests-stopped"
DATA = "/var/lib/etcd/member"


def move(source: str, target: str) -> None:
    """Move all manifests, each by one rename."""
    os.makedirs(target, mode=0o700, exist_ok=True)
    for path in sorted(glob.glob(f"{source}/*.yaml")):
        os.replace(path, os.path.join(target, os.path.basename(path)))


def is_stopped(module: AnsibleModule) -> bool:
    """Whether neither etcd nor an API server runs here."""
    return not any(module.run_command(["pgrep", "--exact", name])[0] == 0 for name in ("etcd", "kube-apiserver"))


def set_aside() -> str:
    """Move the data aside, beside itself and so on the same volume; return where it is."""
    if not os.path.isdir(DATA):
        return ""
    aside = f"{DATA}.{datetime.now(timezone.utc).strftime('%Y%m%dT%H%M%SZ')}"
    os.rename(DATA, aside)
    return aside


def restore(module: AnsibleModule) -> str:
    """Stop, set aside, restore, start; return where the old data is."""
    params = module.params
    move(MANIFESTS, STOPPED)
    if not wait_for(lambda: is_stopped(module), params["timeout"], 0.5):
        text = f"etcd or the API server did not stop within {params['timeout']} s"
        module.fail_json(msg=f"{text}; see the kubelet's journal")
    aside = set_aside()
    fresh = "/var/lib/etcd/restored"
    module.run_command(["rm", "-rf", fresh], check_rc=True)
    command = restore_command(params["snapshot"], params["name"], params["peers"], params["token"], fresh)
    code, output, errors = module.run_command(command)
    if code != 0:
        module.fail_json(msg=f"etcdutl refuses the snapshot: {(errors or output).strip()[-800:]}. Old data: {aside}")
    os.rename(f"{fresh}/member", DATA)
    os.rmdir(fresh)
    move(STOPPED, MANIFESTS)
    os.rmdir(STOPPED)
    return aside


def main() -> None:
    """Restore and report."""
    module = AnsibleModule(
        {
            "snapshot": {"type": "path", "required": True},
            "name": {"type": "str", "required": True},
            "peers": {"type": "dict", "required": True},
            "token": {"type": "str", "required": True, "no_log": False},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    module.exit_json(changed=True, aside="" if module.check_mode else restore(module))


if __name__ == "__main__":
    main()
