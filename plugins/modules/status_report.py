# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the site's status document."""

from __future__ import annotations

DOCUMENTATION = r"""
module: status_report
author: AI_INFN platform maintainers (@ai-infn)
short_description: Put the layers' status checks together into one JSON document
version_added: 0.1.0
description:
  - Joins the checks that layers made into one document with a verdict, and writes it to a file on the controller.
  - A declared host without the check C(reachable) of the layer C(site) is reported as a failure.
  - The document is a reading of the site and no part of it, so the module never reports a change.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  site:
    description: Name of the site.
    type: str
    required: true
  hosts:
    description: Names of the declared hosts.
    type: list
    elements: str
    required: true
  checks:
    description: Checks of all layers, each with C(layer), C(check), C(host), C(ok) and C(detail).
    type: list
    elements: dict
    required: true
  path:
    description: File to write. In check mode nothing is written.
    type: path
    required: true
attributes:
  check_mode:
    details: The report is made and no file written.
"""

EXAMPLES = r"""
- name: Put the answers together
  ai_infn.platform.status_report:
    site: cnaf
    hosts: [control-1]
    checks: [{layer: host, check: reachable, host: control-1, ok: true, detail: ""}]
    path: /tmp/status.json
  register: status
  failed_when: not status.report.ok
"""

RETURN = r"""
report:
  description: The status document.
  returned: always
  type: dict
  contains:
    site:
      description: Name of the site.
      type: str
    time:
      description: When the document was written, in UTC.
      type: str
    ok:
      description: Whether every check passed.
      type: bool
    failures:
      description: One sentence for each check that failed.
      type: list
      elements: str
    checks:
      description: All checks.
      type: list
      elements: dict
"""

import datetime
import json

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.status import report


def main():
    module = AnsibleModule(
        argument_spec={
            "site": {"type": "str", "required": True},
            "hosts": {"type": "list", "elements": "str", "required": True},
            "checks": {"type": "list", "elements": "dict", "required": True},
            "path": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    time = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    try:
        document = report(module.params["site"], module.params["hosts"], module.params["checks"], time)
    except ValueError as error:
        module.fail_json(msg=str(error))
    if not module.check_mode:
        with open(module.params["path"], "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2)
            file.write("\n")
    module.exit_json(changed=False, report=document, msg="; ".join(document["failures"]) or "all checks passed")


if __name__ == "__main__":
    main()
