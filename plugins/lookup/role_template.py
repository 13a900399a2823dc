# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup of a template that names the role it belongs to."""

from __future__ import annotations

DOCUMENTATION = r"""
name: role_template
author: AI_INFN platform maintainers (@ai-infn)
short_description: text of a role's template, wherever it is asked for
version_added: 0.1.0
description:
  - Renders a template of a role of this collection, as P(ansible.builtin.template#lookup) does.
  - That one looks in the role whose task asks. Here the role is named, since what a role declares in its variables
    is evaluated by another one.
  - It does not copy all variables for each template either, which takes longer than the rest of the rendering.
options:
  _terms:
    description: Templates as C(ROLE/NAME), for C(roles/ROLE/templates/NAME).
    type: list
    elements: str
    required: true
  template_vars:
    description: Further variables for the template.
    type: dict
    default: {}
seealso:
  - plugin: ansible.builtin.template
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Show what the load balancer of a node reads
  ansible.builtin.debug:
    msg: "{{ lookup('ai_infn.platform.role_template', 'kubernetes_api_proxy/haproxy.cfg.j2') }}"
"""

RETURN = r"""
_raw:
  description: One text for each template.
  type: list
  elements: str
"""

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.template import trust_as_template

ROLES = Path(__file__).resolve().parents[2] / "roles"


class LookupModule(LookupBase):
    """``lookup('ai_infn.platform.role_template', 'ROLE/NAME')``."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Answer one text for each template; raises AnsibleLookupError where there is none of that name."""
        self.set_options(var_options=variables, direct=kwargs)
        templar = self._templar
        more = self.get_option("template_vars")
        if more:
            templar = templar.copy_with_new_env(available_variables={**(variables or {}), **more})
        return [
            templar.template(read(str(term)), escape_backslashes=False, overrides={"trim_blocks": True})
            for term in terms
        ]


def read(term: str) -> str:
    """The template's own text; raises AnsibleLookupError where there is none of that name."""
    role, _slash, name = term.partition("/")
    path = ROLES / role / "templates" / name
    if not path.is_file():
        raise AnsibleLookupError(f"role_template: {term}: there is no roles/{role}/templates/{name}")
    return trust_as_template(path.read_text(encoding="utf-8"))
