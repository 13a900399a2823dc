#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take a verified snapshot of etcd."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_snapshot
author: AI_INFN platform maintainers (@ai-infn)
short_description: Take a verified snapshot of etcd
version_added: 0.1.0
description:
  - Runs on a control plane that kubeadm made and needs etcdctl and etcdutl there.
  - The snapshot gets its name only when etcdutl has verified it. Older ones are removed.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  folder:
    description: Folder of the snapshots; only root can read it.
    type: path
    default: /var/lib/etcd-snapshots
  keep:
    description: How many snapshots are kept.
    type: int
    default: 10
  timeout:
    description: Seconds that it may take.
    type: int
    default: 120
attributes:
  check_mode:
    details: Names the snapshot that it would take.
"""

EXAMPLES = r"""
- name: Keep a snapshot
  ai_infn.platform.etcd_snapshot:
    folder: /var/lib/etcd-snapshots
"""

RETURN = r"""
path:
  description: Path of the snapshot.
  returned: success
  type: str
revision:
  description: Revision of the data.
  returned: when it was taken
  type: int
keys:
  description: How many keys it holds.
  returned: when it was taken
  type: int
"""

import glob
import json
import os
import socket
from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule

PKI = "/etc/kubernetes/pki/etcd"


def take(module: AnsibleModule, path: str) -> dict:
    """Take the snapshot, verify it, give it its name; return what etcdutl says of it."""
    draft = path + ".new"
    access = ["--endpoints=https://127.0.0.1:2379", f"--cacert={PKI}/ca.crt"]
    client = [f"--cert={PKI}/healthcheck-client.crt", f"--key={PKI}/healthcheck-client.key"]
    limit = f"--command-timeout={module.params['timeout']}s"
    command = ["etcdctl", *access, *client, limit, "snapshot", "save", draft]
    code, output, errors = module.run_command(command)
    if code != 0:
        module.fail_json(msg=f"No snapshot was taken: {(errors or output).strip().splitlines()[-1:]}")
    code, output, errors = module.run_command(["etcdutl", "snapshot", "status", draft, "--write-out=json"])
    if code != 0:
        module.fail_json(msg=f"The snapshot {draft} is damaged: {(errors or output).strip()}")
    os.chmod(draft, 0o600)
    os.replace(draft, path)
    return json.loads(output)


def main() -> None:
    """Take a snapshot, remove old ones, report."""
    module = AnsibleModule(
        {
            "folder": {"type": "path", "default": "/var/lib/etcd-snapshots"},
            "keep": {"type": "int", "default": 10},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    folder = module.params["folder"]
    time = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    path = os.path.join(folder, f"etcd-{time}-{socket.gethostname()}.db")
    if module.check_mode:
        module.exit_json(changed=True, path=path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    state = take(module, path)
    for old in sorted(glob.glob(f"{folder}/etcd-*.db"))[: -module.params["keep"]]:
        os.unlink(old)
    module.exit_json(changed=True, path=path, revision=state["revision"], keys=state["totalKey"])


if __name__ == "__main__":
    main()
