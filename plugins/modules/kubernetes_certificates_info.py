#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say when the Kubernetes certificates of a host end."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_certificates_info
author: AI_INFN platform maintainers (@ai-infn)
short_description: Say when the Kubernetes certificates of a host end
version_added: 0.1.0
description:
  - Reads the certificates of the control plane, of etcd, of kubeconfigs and of the kubelet.
extends_documentation_fragment:
  - ai_infn.platform.attributes.info
options:
  authorities:
    description: Whether authorities are reported, too.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Know when certificates end
  ai_infn.platform.kubernetes_certificates_info:
  register: certificates
"""

RETURN = r"""
certificates:
  description: The certificates, each with C(path), C(not_after) and C(days_left).
  returned: success
  type: list
  elements: dict
"""

import glob
import os
from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.certificates import (
    KUBECONFIGS,
    PATTERNS,
    days_left,
    embedded,
    parse_end,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import read_text


def find(authorities: bool) -> dict[str, str]:
    """Return {path: PEM} of the certificates of this host."""
    found = {path: read_text(path) for pattern in PATTERNS for path in sorted(glob.glob(pattern))}
    for path in sorted(path for pattern in KUBECONFIGS for path in glob.glob(pattern)):
        certificate = embedded(read_text(path))
        if certificate:
            found[path] = certificate
    return {path: text for path, text in found.items() if authorities or not os.path.basename(path).endswith("ca.crt")}


def main() -> None:
    """Read the certificates and report."""
    module = AnsibleModule({"authorities": {"type": "bool", "default": False}}, supports_check_mode=True)
    now = datetime.now(timezone.utc)
    certificates = []
    for path, text in find(module.params["authorities"]).items():
        end = parse_end(module.run_command(["openssl", "x509", "-noout", "-enddate"], data=text, check_rc=True)[1])
        certificates.append({"path": path, "not_after": end.isoformat(), "days_left": days_left(end, now)})
    module.exit_json(changed=False, certificates=certificates)


if __name__ == "__main__":
    main()
