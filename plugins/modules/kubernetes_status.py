#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say whether a cluster is healthy, by its API, its etcd and a pod on every node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_status
author: AI_INFN platform maintainers (@ai-infn)
short_description: Say whether a cluster is healthy, by its API, its etcd and a pod on every node
version_added: 0.1.0
description:
  - Runs on a control plane and returns checks in the form that C(status.yml) collects.
  - What is only starting gets O(patience) seconds; everything is asked again until all is well.
extends_documentation_fragment:
  - ai_infn.platform.attributes.info
options:
  nodes:
    description: Names of the declared Nodes.
    type: list
    elements: str
    required: true
  control_planes:
    description: Names of those that are control planes.
    type: list
    elements: str
    required: true
  version:
    description: Version that the kubelets shall have.
    type: str
    required: true
  namespaces:
    description: Namespaces all of whose pods shall run.
    type: list
    elements: str
    default: [kube-system]
  probe_namespace:
    description: Namespace of the pods of the role P(ai_infn.platform.kubernetes_probe#role).
    type: str
    default: ai-infn-probe
  probe_port:
    description: Port of those pods.
    type: int
    default: 8080
  patience:
    description: Seconds within which everything must have become well.
    type: int
    default: 20
  kubeconfig:
    description: Kubeconfig of an administrator.
    type: path
    default: /etc/kubernetes/admin.conf
"""

EXAMPLES = r"""
- name: Ask the cluster
  ai_infn.platform.kubernetes_status:
    nodes: [control-1, worker-1]
    control_planes: [control-1]
    version: 1.37.2
"""

RETURN = r"""
checks:
  description: The checks, each with C(layer), C(check), C(host), C(ok) and C(detail).
  returned: success
  type: list
  elements: dict
"""

from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import ApiError, Kubernetes, wait_for
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.etcd import Etcd, EtcdError
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.status import (
    check,
    etcd_checks,
    node_checks,
    pod_checks,
    probe_checks,
    request_checks,
)


def ask_probe(client: Kubernetes, pod: dict, port: int):
    """Return what the probe pod says, or the error as a text."""
    path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}:{port}/proxy/look"
    try:
        answer = client.get(path)
    except (ApiError, OSError) as error:
        return f"the probe pod does not answer: {error}"
    return answer if "dns" in answer else "the probe pod's answer is not understood"


def ask_etcd(control_planes: list[str]) -> list[dict]:
    """Return etcd's checks."""
    try:
        return etcd_checks(Etcd().members(), control_planes)
    except (EtcdError, OSError) as error:
        return [check("etcd is healthy", "site", str(error))]


def look(client: Kubernetes, params) -> list[dict]:
    """Return all checks of one look at the cluster."""
    pods = client.get("/api/v1/pods")["items"]
    probes = {
        pod["spec"].get("nodeName", ""): pod
        for pod in pods
        if pod["metadata"]["namespace"] == params["probe_namespace"] and "deletionTimestamp" not in pod["metadata"]
    }
    with ThreadPoolExecutor(max_workers=16) as pool:
        asked = pool.map(lambda pod: ask_probe(client, pod, params["probe_port"]), probes.values())
        answers = dict(zip(probes, asked, strict=True))
    return [
        *node_checks(client.get("/api/v1/nodes")["items"], params["nodes"], params["version"]),
        *pod_checks(pods, params["namespaces"]),
        *request_checks(client.get("/apis/certificates.k8s.io/v1/certificatesigningrequests")["items"]),
        *ask_etcd(params["control_planes"]),
        *probe_checks(answers, params["nodes"]),
    ]


def main() -> None:
    """Look until all is well or the patience ends, and report the last look."""
    module = AnsibleModule(
        {
            "nodes": {"type": "list", "elements": "str", "required": True},
            "control_planes": {"type": "list", "elements": "str", "required": True},
            "version": {"type": "str", "required": True},
            "namespaces": {"type": "list", "elements": "str", "default": ["kube-system"]},
            "probe_namespace": {"type": "str", "default": "ai-infn-probe"},
            "probe_port": {"type": "int", "default": 8080},
            "patience": {"type": "int", "default": 20},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
        },
        supports_check_mode=True,
    )
    checks: list[dict] = []

    def well(client: Kubernetes) -> bool:
        checks[:] = look(client, module.params)
        return all(item["ok"] for item in checks)

    try:
        client = Kubernetes(module.params["kubeconfig"])
        wait_for(lambda: well(client), module.params["patience"], 1.0)
    except (ApiError, OSError) as error:
        module.fail_json(msg=f"The API server does not answer: {error}")
    module.exit_json(changed=False, checks=checks)


if __name__ == "__main__":
    main()
