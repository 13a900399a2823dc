# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tokens by which hosts join the cluster: bootstrap token Secrets, which the cluster removes when they expire."""

from __future__ import annotations

import os
import secrets
import string
from datetime import datetime, timedelta, timezone

from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import ApiError, Kubernetes, wait_for
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.host import MARKER, kubeadm_runs

ADMIN_KUBECONFIG = "/etc/kubernetes/admin.conf"
SECRETS = "/api/v1/namespaces/kube-system/secrets"
LETTERS = string.ascii_lowercase + string.digits
GOOD_FOR = timedelta(minutes=30)
"""Long enough for hosts that still download; a token that is found later is good for nothing."""


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


def lacking_nodes(names: list[str]) -> list[str]:
    """Return those of the names of which the cluster has no Node. Raises OSError or ApiError."""
    nodes = Kubernetes(ADMIN_KUBECONFIG).get("/api/v1/nodes")["items"] if names else []
    return sorted(set(names) - {node["metadata"]["name"] for node in nodes})


def make(wait: int) -> dict[str, str]:
    """Make a token at this control plane; return it as ``token``, and the cluster's ``authority`` in PEM.

    Waits ``wait`` seconds for the API server of a cluster that is only beginning. Raises OSError or ApiError.
    """
    token_id, token_secret = new_token()
    client = connect(ADMIN_KUBECONFIG, wait)
    client.request("POST", SECRETS, secret_of(token_id, token_secret, datetime.now(timezone.utc) + GOOD_FOR))
    return {"token": f"{token_id}.{token_secret}", "authority": client.access.authority}
