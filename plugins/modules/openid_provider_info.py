#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell where an OpenID provider is asked."""

from __future__ import annotations

DOCUMENTATION = r"""
module: openid_provider_info
author: AI_INFN platform maintainers (@ai-infn)
short_description: Tell where an OpenID provider is asked
version_added: 0.1.0
description:
  - Reads the discovery document of a provider (OpenID Connect Discovery 1.0).
  - Fails where the provider does not answer, or calls itself otherwise.
extends_documentation_fragment:
  - ai_infn.platform.attributes.info
  - ai_infn.platform.openid
options:
  issuer:
    description: The provider, as it calls itself, to the last character.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Know where the provider is asked
  ai_infn.platform.openid_provider_info:
    issuer: https://iam.example.org/
  delegate_to: localhost
"""

RETURN = r"""
provider:
  description: The discovery document.
  returned: success
  type: dict
  contains:
    authorization_endpoint:
      description: Where a person logs in.
      type: str
    token_endpoint:
      description: Where a client gets tokens.
      type: str
    userinfo_endpoint:
      description: Where it is told who has logged in.
      type: str
    jwks_uri:
      description: The keys by which tokens are believed.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.openid.http import Line, ProviderError
from ansible_collections.ai_infn.platform.plugins.module_utils.openid.provider import Provider


def main() -> None:
    """Ask and report."""
    module = AnsibleModule(
        {
            "issuer": {"type": "str", "required": True},
            "authority": {"type": "path"},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    line = Line(module.params["authority"] or "", module.params["timeout"])
    try:
        found = Provider(module.params["issuer"], line.json()).discover()
    except ProviderError as error:
        module.fail_json(msg=str(error))
    else:
        module.exit_json(changed=False, provider=found)


if __name__ == "__main__":
    main()
