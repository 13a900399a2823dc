#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make a short-lived token by which hosts join the cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_join_token
author: AI_INFN platform maintainers (@ai-infn)
short_description: Make a short-lived token by which hosts join the cluster
version_added: 0.1.0
description:
  - Runs on a control plane. The token is a bootstrap token Secret; the cluster removes it when it has expired.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  ttl:
    description: Seconds that the token is good for.
    type: int
    default: 600
  wait:
    description: Seconds to wait for the API server of a cluster that is only beginning; ends at once when kubeadm has
      failed there.
    type: int
    default: 0
  kubeconfig:
    description: Kubeconfig of an administrator.
    type: path
    default: /etc/kubernetes/admin.conf
attributes:
  check_mode:
    details: Makes no token and returns a void one.
"""

EXAMPLES = r"""
- name: Make a token
  ai_infn.platform.kubernetes_join_token:
  register: join
  no_log: true
"""

RETURN = r"""
token:
  description: The token.
  returned: success
  type: str
authority:
  description: Certificate of the cluster's authority, in PEM.
  returned: success
  type: str
"""

import os
import secrets
import string
from datetime import datetime, timedelta, timezone

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import ApiError, Kubernetes, wait_for
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.host import MARKER, kubeadm_runs

SECRETS = "/api/v1/namespaces/kube-system/secrets"
LETTERS = string.ascii_lowercase + string.digits


def new_token() -> tuple[str, str]:
    """Return a token's public and secret part, as the bootstrap token format wants them."""
    return tuple("".join(secrets.choice(LETTERS) for dummy in range(length)) for length in (6, 16))


def secret_of(token_id: str, token_secret: str, expires: datetime) -> dict:
    """Return the Secret that makes the token valid for joining nodes."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "bootstrap.kubernetes.io/token",
        "metadata": {"name": f"bootstrap-token-{token_id}", "namespace": "kube-system"},
        "stringData": {
            "description": "made by ai_infn.platform for one run",
            "token-id": token_id,
            "token-secret": token_secret,
            "expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "usage-bootstrap-authentication": "true",
            "auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
        },
    }


def connect(kubeconfig: str, wait: int) -> Kubernetes:
    """Return a client of an API server that answers, as soon as there is one. Raises OSError or ApiError."""

    def ready() -> bool:
        # kubeadm has the last word: its mark is gone when the cluster has begun.
        begun = os.path.exists(kubeconfig) and not os.path.exists(MARKER)
        return begun or (os.path.exists(MARKER) and not kubeadm_runs())

    wait_for(ready, wait, 0.3)
    if os.path.exists(MARKER):
        raise OSError("kubeadm has not begun the cluster here")
    client = Kubernetes(kubeconfig)

    def answers() -> bool:
        try:
            return bool(client.find("/api/v1/namespaces/kube-system"))
        except (ApiError, OSError):
            return False

    wait_for(answers, wait, 0.3)
    return client


def main() -> None:
    """Make the token."""
    module = AnsibleModule(
        {
            "ttl": {"type": "int", "default": 600},
            "wait": {"type": "int", "default": 0},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
        },
        supports_check_mode=True,
    )
    params = module.params
    if module.check_mode and not os.path.exists(params["kubeconfig"]):
        module.exit_json(changed=True, token="", authority="")  # no cluster yet
    token_id, token_secret = new_token()
    try:
        client = connect(params["kubeconfig"], 0 if module.check_mode else params["wait"])
        if not module.check_mode:
            expires = datetime.now(timezone.utc) + timedelta(seconds=params["ttl"])
            client.request("POST", SECRETS, secret_of(token_id, token_secret, expires))
    except (ApiError, OSError) as error:
        module.fail_json(msg=f"No token was made: {error}")
    else:
        module.exit_json(changed=True, token=f"{token_id}.{token_secret}", authority=client.access.authority)


if __name__ == "__main__":
    main()
