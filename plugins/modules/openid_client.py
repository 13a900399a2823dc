#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a client registered at an OpenID provider."""

from __future__ import annotations

DOCUMENTATION = r"""
module: openid_client
author: AI_INFN platform maintainers (@ai-infn)
short_description: Have a client registered at an OpenID provider
version_added: 0.1.0
description:
  - Registers a client by RFC 7591, and changes or removes it by RFC 7592, as INDIGO IAM, Keycloak and others understand
    them.
  - Identity, secret and the token by which the registration is managed are kept in O(file), with mode C(0600), on the
    host on which this runs. They are returned to nobody. Keep that file; without it only the provider's administrator
    can change the client.
  - The file is made before the provider is asked, so that no secret is without a place.
  - What the provider does not take over is told, and not asked of it again.
  - A provider may answer with another token whenever it is asked. That is kept in check mode, too, since the one before
    is worth nothing then.
extends_documentation_fragment:
  - ai_infn.platform.attributes
  - ai_infn.platform.openid
options:
  issuer:
    description: The provider, as it calls itself, to the last character.
    type: str
    required: true
  file:
    description: File of the registration, a JSON object.
    type: path
    required: true
  metadata:
    description: What the client says of itself, by the names of RFC 7591, such as C(client_name), C(redirect_uris),
      C(grant_types) and C(scope). What is not named stays as the provider has it.
    type: dict
    default: {}
  state:
    description: Whether there is a client.
    type: str
    choices: [present, absent]
    default: present
  initial_token:
    description: Token with which a client may be registered, where the provider asks for one.
    type: str
attributes:
  diff_mode:
    details: Shows the metadata that change, and no secret.
    support: full
"""

EXAMPLES = r"""
- name: Have the hub registered
  ai_infn.platform.openid_client:
    issuer: https://iam.example.org/
    file: "{{ site_state_dir }}/secrets/hub-client.json"
    metadata:
      client_name: Hub of the site
      redirect_uris: [https://hub.example.org/hub/oauth_callback]
      grant_types: [authorization_code, refresh_token]
      response_types: [code]
      token_endpoint_auth_method: client_secret_basic
      scope: openid profile email
  delegate_to: localhost
"""

RETURN = r"""
client_id:
  description: Identity of the client; empty where check mode would register it, or where there is none.
  returned: success
  type: str
not_taken:
  description: Names of the metadata that the provider has otherwise, although they were asked of it.
  returned: success
  type: list
  elements: str
"""

import os
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.openid import metadata
from ansible_collections.ai_infn.platform.plugins.module_utils.openid.http import Line, ProviderError
from ansible_collections.ai_infn.platform.plugins.module_utils.openid.provider import Provider
from ansible_collections.ai_infn.platform.plugins.module_utils.openid.registration import Draft, load


def read(provider: Provider, path: str, kept: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a client's metadata, and its record with the token that is good now, which is kept.

    Raises ProviderError.
    """
    draft = Draft(path)
    try:
        found = provider.read(kept)
    except ProviderError:
        draft.forget()
        raise
    newest = metadata.refreshed(found, kept)
    if newest == kept:
        draft.forget()
    else:
        draft.keep(newest)
    return found, newest


def have(provider: Provider, options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Have the client; what the module returns. Raises ProviderError."""
    wanted, kept = options["metadata"], load(options["file"])
    found, kept = read(provider, options["file"], kept) if kept else ({}, kept)
    names = metadata.to_change(wanted, found, kept) if kept else list(wanted)
    result: dict[str, Any] = {
        "changed": bool(names) or not kept,
        "client_id": kept.get("client_id", ""),
        "not_taken": metadata.different(wanted, found) if kept else [],
    }
    if not kept and check_mode:
        provider.discover()
    shown = dict.fromkeys(names)
    after = wanted
    if result["changed"] and not check_mode:
        draft = Draft(options["file"])
        try:
            if kept:
                answer = provider.replace(kept, metadata.replacement(wanted, found, kept))
            else:
                answer = provider.register(wanted, options["initial_token"] or "")
        except ProviderError:
            draft.forget()
            raise
        kept, after = metadata.record(answer, wanted, kept), answer
        draft.keep(kept)
        result |= {"client_id": kept["client_id"], "not_taken": metadata.different(wanted, answer)}
    return result | {"diff": {"before": metadata.visible(found, shown), "after": metadata.visible(after, shown)}}


def lack(provider: Provider, options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Have no client; what the module returns. Raises ProviderError."""
    kept = load(options["file"])
    if kept and not check_mode:
        provider.remove(kept)
        os.unlink(options["file"])
    before = {"client_id": kept["client_id"]} if kept else {}
    return {"changed": bool(kept), "client_id": "", "not_taken": [], "diff": {"before": before, "after": {}}}


def main() -> None:
    """Compare, and change what differs."""
    module = AnsibleModule(
        {
            "issuer": {"type": "str", "required": True},
            "file": {"type": "path", "required": True},
            "metadata": {"type": "dict", "default": {}},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "initial_token": {"type": "str", "no_log": True},
            "authority": {"type": "path"},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    provider = Provider(
        module.params["issuer"], Line(module.params["authority"] or "", module.params["timeout"]).json()
    )
    act = have if module.params["state"] == "present" else lack
    try:
        result = act(provider, module.params, module.check_mode)
    except ProviderError as error:
        module.fail_json(msg=str(error))
    for name in result["not_taken"]:
        module.warn(f"the provider has not taken {name} over as it was asked for")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
