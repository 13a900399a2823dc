# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which static pods run with old options or old certificates, judged by annotations of their manifests."""

from __future__ import annotations

import hashlib
import re
from typing import Any

MANIFESTS = "/etc/kubernetes/manifests"
CONFIGURATION = "platform.ai-infn.it/configuration"
CERTIFICATES = "platform.ai-infn.it/certificates"

PHASES = {
    "kube-apiserver": "apiserver",
    "kube-controller-manager": "controller-manager",
    "kube-scheduler": "scheduler",
}
"""Static pods whose manifest kubeadm makes anew when options change, with the name of kubeadm's phase."""

KEYS = {
    "etcd": ("pki/etcd/server.crt", "pki/etcd/peer.crt"),
    "kube-apiserver": (
        "pki/apiserver.crt",
        "pki/apiserver-kubelet-client.crt",
        "pki/apiserver-etcd-client.crt",
        "pki/front-proxy-client.crt",
    ),
    "kube-controller-manager": ("controller-manager.conf",),
    "kube-scheduler": ("scheduler.conf",),
}
"""What each static pod reads at its start, below /etc/kubernetes; etcd comes first."""


def annotation(manifest: str, key: str) -> str:
    """Return an annotation of a manifest's text, empty where it has none."""
    match = re.search(rf"^\s+{re.escape(key)}:\s*[\"']?([^\"'\s]+)", manifest, re.MULTILINE)
    return match.group(1) if match else ""


def annotate(manifest: str, key: str, value: str) -> str:
    """Return a manifest's text with the annotation set; raises ValueError for a text without metadata."""
    found = re.search(rf"^(\s+{re.escape(key)}:\s*).*$", manifest, re.MULTILINE)
    if found:
        return manifest[: found.start()] + found.group(1) + f'"{value}"' + manifest[found.end() :]
    line = f'    {key}: "{value}"\n'
    if re.search(r"^  annotations:\n", manifest, re.MULTILINE):
        return re.sub(
            r"^(  annotations:\n)", lambda match: match.group(1) + line, manifest, count=1, flags=re.MULTILINE
        )
    if not re.search(r"^metadata:\n", manifest, re.MULTILINE):
        raise ValueError("the manifest has no metadata")
    return re.sub(
        r"^(metadata:\n)",
        lambda match: match.group(1) + "  annotations:\n" + line,
        manifest,
        count=1,
        flags=re.MULTILINE,
    )


def fingerprint(contents: list[bytes]) -> str:
    """Return a short digest of what a pod reads."""
    total = hashlib.sha256()
    for content in contents:
        total.update(hashlib.sha256(content).digest())
    return total.hexdigest()[:16]


def outdated(manifests: dict[str, str], key: str, wanted: dict[str, str]) -> list[str]:
    """Return the pods, in the order of ``wanted``, whose annotation is another than wanted."""
    return [name for name, value in wanted.items() if name in manifests and annotation(manifests[name], key) != value]


def runs_with(pod: dict[str, Any] | None, key: str, value: str) -> bool:
    """Whether the API's view of a static pod has the annotation, and the pod is ready."""
    if pod is None or pod["metadata"].get("annotations", {}).get(key) != value:
        return False
    conditions = {item["type"]: item["status"] for item in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True"
