#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a group with its members at a server of SCIM 2.0."""

from __future__ import annotations

DOCUMENTATION = r"""
module: scim_group
author: AI_INFN platform maintainers (@ai-infn)
short_description: Have a group with its members at a server of SCIM 2.0
version_added: 0.1.0
description:
  - Makes and removes a group, and has people in it, at any server of SCIM 2.0 or at INDIGO IAM.
  - Users that are not there are all named before the first change.
  - Asks as a client of the provider that M(ai_infn.platform.openid_client) has registered, or with a token.
extends_documentation_fragment:
  - ai_infn.platform.attributes
  - ai_infn.platform.openid
options:
  endpoint:
    description: Address of SCIM, such as C(https://iam.example.org/scim) of INDIGO IAM.
    type: str
    required: true
  name:
    description: Name of the group (C(displayName)).
    type: str
    required: true
  members:
    description: Names of the users in it (C(userName)). Left out, members stay as they are.
    type: list
    elements: str
  exclusive:
    description: Whether nobody else is in it.
    type: bool
    default: true
  state:
    description: Whether there is the group. One that is removed takes nobody's account along.
    type: str
    choices: [present, absent]
    default: present
  dialect:
    description: Whose ways the server has.
    type: str
    choices: [standard, indigo]
    default: standard
  token:
    description: Token with which the server is asked.
    type: str
  issuer:
    description: The provider that gives a token, where O(token) is left out.
    type: str
  client_file:
    description: File of a client's registration that is given a token.
    type: path
  scope:
    description: Scope of the token. INDIGO IAM wants C(scim:read scim:write).
    type: str
    default: ""
attributes:
  diff_mode:
    details: Shows the members by their names.
    support: full
"""

EXAMPLES = r"""
- name: Have the platform's administrators
  ai_infn.platform.scim_group:
    endpoint: https://iam.example.org/scim
    dialect: indigo
    issuer: https://iam.example.org/
    client_file: "{{ site_state_dir }}/secrets/iam-client.json"
    scope: scim:read scim:write
    name: platform-admins
    members: [ada, grace]
  delegate_to: localhost
"""

RETURN = r"""
id:
  description: Identifier of the group; empty where there is none, or check mode would make it.
  returned: success
  type: str
added:
  description: Names of users who came to the group.
  returned: success
  type: list
  elements: str
removed:
  description: Names of users who left it.
  returned: success
  type: list
  elements: str
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.openid.http import Line, ProviderError
from ansible_collections.ai_infn.platform.plugins.module_utils.openid.provider import Provider, token_of
from ansible_collections.ai_infn.platform.plugins.module_utils.openid.registration import load
from ansible_collections.ai_infn.platform.plugins.module_utils.openid.scim import DIALECTS, KIND, Scim


def have(server: Scim, options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Have the group with its members; what the module returns. Raises ProviderError."""
    wanted = server.user_ids(options["members"]) if options["members"] is not None else {}
    group = server.find("Groups", "displayName", options["name"])
    known = {identifier: name for name, identifier in wanted.items()}
    # By names: a server is known that calls a member otherwise than the user.
    before = {known.get(one) or server.name_of(one): one for one in (server.members(group) if group else ())}
    new = group is None
    alone = options["members"] is not None and options["exclusive"]
    after = {**wanted, **{name: one for name, one in before.items() if name in wanted or not alone}}
    if new and not check_mode:
        group = server.create(options["name"], after.values())
    elif not new and not check_mode:
        server.change(group, set(before.values()), set(after.values()))
    added, removed = sorted(set(after) - set(before)), sorted(set(before) - set(after))
    return {
        "changed": new or bool(added or removed),
        "id": str(group["id"]) if group else "",
        "added": added,
        "removed": removed,
        "diff": {"before": _shown(before), "after": _shown(after)},
    }


def lack(server: Scim, options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Have no such group; what the module returns. Raises ProviderError."""
    group = server.find("Groups", "displayName", options["name"])
    if group and not check_mode:
        server.remove(group)
    before = f"{options['name']}\n" if group else ""
    return {"changed": bool(group), "id": "", "added": [], "removed": [], "diff": {"before": before, "after": ""}}


def _shown(names: Iterable[str]) -> str:
    return "".join(f"{name}\n" for name in sorted(names))


def connect(options: Mapping[str, Any]) -> Scim:
    """Return the server, with a token that lets it be asked. Raises ProviderError."""
    line = Line(options["authority"] or "", options["timeout"])
    token = options["token"]
    if not token:
        kept = load(options["client_file"])
        if not kept:
            raise ProviderError(f"{options['client_file']} is not there. Remedy: have the client registered first")
        token = token_of(Provider(options["issuer"], line.json()), line, kept, options["scope"])
    return DIALECTS[options["dialect"]](options["endpoint"], token, line.json(KIND))


def main() -> None:
    """Compare, and change what differs."""
    module = AnsibleModule(
        {
            "endpoint": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "members": {"type": "list", "elements": "str"},
            "exclusive": {"type": "bool", "default": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "dialect": {"type": "str", "choices": ["standard", "indigo"], "default": "standard"},
            "token": {"type": "str", "no_log": True},
            "issuer": {"type": "str"},
            "client_file": {"type": "path"},
            "scope": {"type": "str", "default": ""},
            "authority": {"type": "path"},
            "timeout": {"type": "int", "default": 30},
        },
        required_one_of=[["token", "client_file"]],
        required_by={"client_file": "issuer"},
        supports_check_mode=True,
    )
    act = have if module.params["state"] == "present" else lack
    try:
        result = act(connect(module.params), module.params, module.check_mode)
    except ProviderError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
