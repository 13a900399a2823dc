# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup of what is wrong with the options of hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: option_problems
author: AI_INFN platform maintainers (@ai-infn)
short_description: what is wrong with the options that the inventory sets
version_added: 0.1.0
description:
  - Compares the variables of hosts with the argument specs of all roles of this collection, so that a wrong one is
    found before the first change on any host, and not by the role that would use it.
  - A problem is a value of another type or one that is not among the choices, and a name that begins as an option of a
    role and is none.
  - A value that cannot be evaluated outside of a role, such as one made of that role's defaults, is left to the role.
options:
  _terms:
    description: Names of hosts.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: No option is wrong
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems }}"
  vars:
    problems: "{{ query('ai_infn.platform.option_problems', *groups['all']) }}"
"""

RETURN = r"""
_raw:
  description: A sentence for each problem, with the option, the hosts that have it, and what is allowed.
  type: list
  elements: str
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.lookup import LookupBase
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.live import SERVER_VARIABLES
from ansible_collections.ai_infn.platform.plugins.module_utils.options import (
    Spec,
    by_hosts,
    known_options,
    plain,
    reserved_prefixes,
    unknown_option,
    value_problem,
)
from jinja2 import UndefinedError

ROLES = Path(__file__).resolve().parents[2] / "roles"


class LookupModule(LookupBase):
    """``query('ai_infn.platform.option_problems', *HOSTS)``."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Answer one sentence for each problem."""
        self.set_options(var_options=variables, direct=kwargs)
        specs = {path.parents[1].name: read(path) for path in sorted(ROLES.glob("*/meta/argument_specs.yml"))}
        known = known_options(specs.values())
        reserved = reserved_prefixes(specs)
        hostvars = (variables or {})["hostvars"]
        return by_hosts({host: dict(problems_of(hostvars[host], known, reserved)) for host in terms})


def read(path: Path) -> Mapping[str, Spec]:
    """Return the entry points of a role's argument specs."""
    entry_points: Mapping[str, Spec] = yaml_load(path.read_text(encoding="utf-8"))["argument_specs"]
    return entry_points


def problems_of(
    host: Mapping[str, Any], known: Mapping[str, Spec], reserved: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Yield option and problem; a variable is evaluated only where it is an option."""
    for name in host:
        if name in known:
            try:
                problem = value_problem(name, known[name], plain(host[name]))
            except UndefinedError:
                continue  # made of a role's default, which hosts do not have outside of that role
        else:
            problem = unknown_option(name, {*known, *SERVER_VARIABLES}, reserved)
        if problem:
            yield name, problem.rstrip(".")
