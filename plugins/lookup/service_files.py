# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup of the files of a service of ours that runs on hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: service_files
author: AI_INFN platform maintainers (@ai-infn)
short_description: the Python files of a service of this collection, as host_setup takes files
version_added: 0.1.0
description:
  - Returns the modules of a package in C(services), for a part of M(ai_infn.platform.host_setup).
options:
  _terms:
    description: Names of packages.
    type: list
    elements: str
    required: true
  folder:
    description: Where the packages are put on the host.
    type: str
    required: true
  apply:
    description: The command by which the running service takes a changed file over.
    type: str
    default: ""
seealso:
  - plugin: ai_infn.platform.role_template
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Show which files the failover agent has
  ansible.builtin.debug:
    msg: "{{ lookup('ai_infn.platform.service_files', 'postgresql_failover', folder='/usr/local/lib') }}"
"""

RETURN = r"""
_raw:
  description: For each package a list of C(path), C(content) and C(apply) of its files.
  type: list
  elements: list
"""

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

File = dict[str, str]
SERVICES = Path(__file__).resolve().parents[2] / "services"


class LookupModule(LookupBase):
    """``lookup('ai_infn.platform.service_files', 'PACKAGE', folder='/usr/local/lib/ai-infn')``."""

    def run(
        self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any
    ) -> list[list[dict[str, str]]]:
        """Answer the files of each package; raises AnsibleLookupError where there is none of that name."""
        self.set_options(var_options=variables, direct=kwargs)
        return [files(str(term), self.get_option("folder"), self.get_option("apply")) for term in terms]


def files(package: str, folder: str, apply: str) -> list[File]:
    """The files of a package, sorted; raises AnsibleLookupError where there is none of that name."""
    found = sorted((SERVICES / package).glob("*.py"))
    if not found:
        raise AnsibleLookupError(f"service_files: there is no services/{package}")
    return [
        {"path": f"{folder}/{package}/{path.name}", "content": path.read_text(encoding="utf-8"), "apply": apply}
        for path in found
    ]
