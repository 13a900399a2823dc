#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring the static pods of one control plane up to date."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_static_pods
author: AI_INFN platform maintainers (@ai-infn)
short_description: Bring the static pods of one control plane up to date
version_added: 0.1.0
description:
  - Restarts a static pod only when what it reads at its start has changed, and ends when all are ready again.
  - What a pod runs with is an annotation of its manifest, so an interrupted run goes on where it ended.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  name:
    description: Name of the host's Node.
    type: str
    required: true
  address:
    description: Address of the host's own API server.
    type: str
    required: true
  state:
    description:
      - V(configured) makes the manifests anew with kubeadm where their fingerprint is another; the API server is ready
        again before the others follow.
      - V(renewed) renews all certificates with kubeadm, and restarts the pods that read them, all at once.
    type: str
    choices: [configured, renewed]
    required: true
  fingerprint:
    description: Fingerprint of the options, for V(configured).
    type: str
    default: ""
  config:
    description: kubeadm's configuration on the host.
    type: path
    default: /etc/kubernetes/kubeadm/init.yaml
  publish:
    description: Whether to also put the configuration into the cluster, for new nodes and for kube-proxy.
    type: bool
    default: false
  timeout:
    description: Seconds that one pod may take to be ready again.
    type: int
    default: 180
attributes:
  check_mode:
    details: Names the pods that would restart.
"""

EXAMPLES = r"""
- name: Renew the certificates of this control plane
  ai_infn.platform.kubernetes_static_pods:
    name: control-1
    address: 10.64.0.10
    state: renewed
"""

RETURN = r"""
restarted:
  description: The static pods that were restarted, or would be.
  returned: success
  type: list
  elements: str
"""

import os
from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import (
    ADMIN_KUBECONFIG,
    ApiError,
    Kubernetes,
    api_ready,
    read_text,
    wait_for,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.membership import start_kubelet_anew
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.static_pods import (
    CERTIFICATES,
    CONFIGURATION,
    KEYS,
    MANIFESTS,
    PHASES,
    annotate,
    fingerprint,
    outdated,
    runs_with,
)

FOLDER = "/etc/kubernetes"
SEEN_BY_KUBELET = 60
"""Seconds after which the kubelet has seen that a manifest changed, and has ended the pod."""


class StaticPodError(Exception):
    """A pod did not come back; the message says which."""


class ControlPlane:
    """The static pods of this host."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._params = module.params

    def manifests(self) -> dict[str, str]:
        """Return the manifests' texts by the pods' names."""
        paths = {name: f"{MANIFESTS}/{name}.yaml" for name in KEYS}
        return {name: read_text(path) for name, path in paths.items() if os.path.exists(path)}

    def kubeadm(self, *arguments: str) -> None:
        """Run kubeadm with the host's configuration."""
        self._module.run_command(["kubeadm", *arguments, "--config", self._params["config"]], check_rc=True)

    def await_pod(self, name: str, key: str, value: str) -> None:
        """Wait until a pod runs with the annotation and the API server is ready."""
        path = f"/api/v1/namespaces/kube-system/pods/{name}-{self._params['name']}"

        def back() -> bool:
            try:
                pod = Kubernetes(ADMIN_KUBECONFIG, timeout=5.0).find(path)
            except (ApiError, OSError):
                return False
            return runs_with(pod, key, value) and api_ready(self._params["address"])

        if not wait_for(back, self._params["timeout"], 1.0):
            raise StaticPodError(
                f"{name} on {self._params['name']} was not ready again after {self._params['timeout']} s; "
                "see 'journalctl -u kubelet' and /var/log/pods there. The other control planes were left alone."
            )

    def configure(self) -> list[str]:
        """Make outdated manifests anew; return the pods."""
        wanted = dict.fromkeys(PHASES, self._params["fingerprint"])
        names = outdated(self.manifests(), CONFIGURATION, wanted)
        for name in [] if self._module.check_mode else names:
            self.kubeadm("init", "phase", "control-plane", PHASES[name])
            if name == "kube-apiserver":  # the others come back with its help
                self.await_pod(name, CONFIGURATION, wanted[name])
        for name in [] if self._module.check_mode else names:
            self.await_pod(name, CONFIGURATION, wanted[name])
        return names

    def publish(self) -> None:
        """Put the configuration into the cluster, and let kube-proxy take its part over."""
        self.kubeadm("init", "phase", "upload-config", "all")
        self.kubeadm("init", "phase", "addon", "kube-proxy")
        time = datetime.now(timezone.utc).isoformat(timespec="seconds")
        template = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": time}}}
        path = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy"
        Kubernetes(ADMIN_KUBECONFIG).merge(path, {"spec": {"template": template}})

    def renew(self) -> list[str]:
        """Renew all certificates, then restart every pod whose certificates are others; return the pods.

        All at once: the host's API server knows no other etcd than the host's, and a kubelet asks that API server to
        forget the old pod of etcd before it starts the new one, half a minute long if it is there and has no etcd.
        What it could not tell while there was no API server it tells a minute and more later, unless it starts anew.
        """
        manifests = self.manifests()
        if self._module.check_mode:
            return list(manifests)
        self.kubeadm("certs", "renew", "all")
        wanted = {name: self._certificates(name) for name in KEYS}
        names = outdated(manifests, CERTIFICATES, wanted)
        for name in names:
            # Beside the folder, not in it: the kubelet would run the draft, too.
            draft = f"{FOLDER}/{name}.yaml.new"
            with open(draft, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
                stream.write(annotate(manifests[name], CERTIFICATES, wanted[name]))
            os.replace(draft, f"{MANIFESTS}/{name}.yaml")
        if "kube-apiserver" in names:
            self._await_new_api_server()
            start_kubelet_anew()
        for name in names:
            self.await_pod(name, CERTIFICATES, wanted[name])
        return names

    def _await_new_api_server(self) -> None:
        """Wait until the API server has gone and another one is ready; whoever waits for its pod says what is wrong."""
        address = self._params["address"]
        wait_for(lambda: not api_ready(address), SEEN_BY_KUBELET, 0.5)
        wait_for(lambda: api_ready(address), self._params["timeout"], 0.5)

    def _certificates(self, name: str) -> str:
        contents = []
        for path in KEYS[name]:
            with open(f"{FOLDER}/{path}", "rb") as stream:
                contents.append(stream.read())
        return fingerprint(contents)


def main() -> None:
    """Bring the pods up to date and report."""
    module = AnsibleModule(
        {
            "name": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["configured", "renewed"], "required": True},
            "fingerprint": {"type": "str", "default": ""},
            "config": {"type": "path", "default": "/etc/kubernetes/kubeadm/init.yaml"},
            "publish": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 180},
        },
        supports_check_mode=True,
    )
    control_plane = ControlPlane(module)
    try:
        names = control_plane.configure() if module.params["state"] == "configured" else control_plane.renew()
        if names and module.params["publish"] and not module.check_mode:
            control_plane.publish()
    except (StaticPodError, ApiError, OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    else:
        module.exit_json(changed=bool(names), restarted=names)


if __name__ == "__main__":
    main()
