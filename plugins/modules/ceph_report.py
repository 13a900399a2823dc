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
attributes:
  diff_mode:
    details: It changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Ask how it is
  ai_infn.platform.ceph_report:
  register: report
"""

RETURN = r"""
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

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.client import Ceph, CephError
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.osd import by_host


def main() -> None:
    """Ask, and return the answers."""
    module = AnsibleModule({}, supports_check_mode=True)
    ceph = Ceph(module.run_command)
    try:
        module.exit_json(
            changed=False,
            status=ceph.ask("status"),
            space=ceph.ask("df"),
            hosts=by_host(ceph.ask("osd", "tree")),
        )
    except CephError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
