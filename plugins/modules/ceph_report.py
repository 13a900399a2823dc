#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask a Ceph cluster how it is."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_report
author: AI_INFN platform maintainers (@ai-infn)
short_description: Ask a Ceph cluster how it is
version_added: 0.1.0
description:
  - Runs on a host that has the administrator's key, and changes nothing.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  filesystem:
    description: Name of the filesystem whose snapshots are listed.
    type: str
  folders:
    description: Its folders whose snapshots are listed.
    type: list
    elements: str
    default: []
attributes:
  diff_mode:
    details: It changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Ask how it is
  ai_infn.platform.ceph_report:
    filesystem: trial
    folders: [/homes]
  register: report
"""

RETURN = r"""
today:
  description: The date on the host, in UTC, as C(YYYY-MM-DD).
  returned: success
  type: str
snapshots:
  description: Names of the snapshots, by folder of O(folders); empty while no metadata server serves.
  returned: success
  type: dict
status:
  description: The answer of C(ceph status).
  returned: success
  type: dict
space:
  description: The answer of C(ceph df).
  returned: success
  type: dict
hosts:
  description: Numbers of the OSDs, by host.
  returned: success
  type: dict
"""

from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.client import Ceph, CephError
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.folders import FolderError, mounted
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.osd import by_host
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.status import serves


def main() -> None:
    """Ask, and return the answers."""
    module = AnsibleModule(
        {"filesystem": {"type": "str"}, "folders": {"type": "list", "elements": "str", "default": []}},
        supports_check_mode=True,
    )
    ceph = Ceph(module.run_command)
    try:
        answers = {
            "status": ceph.ask("status"),
            "space": ceph.ask("df"),
            "hosts": by_host(ceph.ask("osd", "tree")),
        }
        snapshots = {}
        # Without a metadata server that serves, a mount would wait for one.
        if module.params["folders"] and serves(answers["status"]):
            with mounted(module.params["filesystem"]) as tree:
                snapshots = {path: tree.snapshots(path) for path in module.params["folders"]}
        today = datetime.now(timezone.utc).date().isoformat()
        module.exit_json(changed=False, today=today, snapshots=snapshots, **answers)
    except (CephError, FolderError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
