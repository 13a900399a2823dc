# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far a host is on its way into a Kubernetes cluster, judged by what is on it and what the API says."""

from __future__ import annotations

import fcntl
import glob
import os
import socket
import ssl
from dataclasses import dataclass

from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import (
    ApiError,
    Kubernetes,
    api_ready,
    read_text,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.static_pods import (
    CONFIGURATION,
    MANIFESTS,
    PHASES,
    annotation,
)

MARKER = "/var/lib/ai-infn/kubeadm-unfinished"
"""Exists while `kubeadm init` or `kubeadm join` runs, and afterwards if it did not end well."""
LOCK = "/run/ai-infn-kubeadm/lock"
"""Held while a kubeadm of ours runs, by itself even when its Ansible died."""
KUBELET_KUBECONFIG = "/etc/kubernetes/kubelet.conf"
ETCD_DATA = "/var/lib/etcd/member"

DPKG_STATUS = "/var/lib/dpkg/status"

CLEAN, UNFINISHED, MEMBER, STALE, LEFTOVER = "clean", "unfinished", "member", "stale", "leftover"


@dataclass(frozen=True)
class Observation:
    """What is found on a host.

    ``unfinished`` is what kubeadm began and did not end: "", "init" or "join".
    ``node`` is what the API says about this host's Node: "present", "absent" (the cluster does not know it),
    "foreign" (another cluster answers) or "unknown" (nobody answers).
    """

    unfinished: str = ""
    kubelet_kubeconfig: bool = False
    manifests: tuple[str, ...] = ()
    etcd_data: bool = False
    api: bool = False
    node: str = "unknown"

    @property
    def control_plane(self) -> bool:
        """Whether the host runs, or is meant to run, an API server."""
        return "kube-apiserver" in self.manifests


def classify(seen: Observation) -> str:
    """Return the state of a host: clean, unfinished, member, stale (its cluster has forgotten it) or leftover."""
    if seen.unfinished:
        return UNFINISHED
    if seen.kubelet_kubeconfig:
        return STALE if seen.node in ("absent", "foreign") else MEMBER
    return LEFTOVER if seen.manifests or seen.etcd_data else CLEAN


def kubeadm_runs() -> bool:
    """Whether a kubeadm of ours runs now."""
    try:
        with open(LOCK, encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def own_address() -> str:
    """Return the address that this host uses towards its default route; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("198.18.0.1", 9))  # RFC 2544: an address that is nobody's
        return probe.getsockname()[0]


def ask_about_node(name: str) -> str:
    """Ask the API about this host's Node with the kubelet's own certificate."""
    try:
        Kubernetes(KUBELET_KUBECONFIG, timeout=4.0).get(f"/api/v1/nodes/{name}")
    except ApiError as error:
        return {404: "absent", 401: "foreign"}.get(error.status, "unknown")
    except ssl.SSLCertVerificationError:
        return "foreign"
    except (OSError, ValueError):
        return "unknown"
    return "present"


def observe(name: str, address: str, port: int) -> Observation:
    """Look at this host; ``name`` is its Node's, ``address`` and ``port`` those of its own API server."""
    joined = os.path.exists(KUBELET_KUBECONFIG)
    manifests = tuple(sorted(os.path.basename(path)[:-5] for path in glob.glob(f"{MANIFESTS}/*.yaml")))
    return Observation(
        unfinished=read_text(MARKER).strip() if os.path.exists(MARKER) else "",
        kubelet_kubeconfig=joined,
        manifests=manifests,
        etcd_data=os.path.isdir(ETCD_DATA),
        api=api_ready(address, port) if "kube-apiserver" in manifests else False,
        node=ask_about_node(name) if joined else "unknown",
    )


@dataclass(frozen=True)
class Package:
    """An installed package: its version, and whether apt holds it there."""

    version: str
    held: bool


def installed(status: str) -> dict[str, Package]:
    """Return the installed packages of dpkg's status file by name."""
    packages = {}
    for entry in status.split("\n\n"):
        lines = (line.partition(": ")[::2] for line in entry.splitlines() if not line.startswith(" "))
        fields = {name: value for name, value in lines if name in ("Package", "Status", "Version")}
        if fields.get("Status", "").endswith(" ok installed"):
            packages[fields["Package"]] = Package(fields["Version"], fields["Status"].startswith("hold "))
    return packages


def installed_packages() -> dict[str, Package]:
    """Return the installed packages by name; none where there is no dpkg."""
    return installed(read_text(DPKG_STATUS)) if os.path.exists(DPKG_STATUS) else {}


def configuration() -> str:
    """Return the fingerprint that all static pods made by kubeadm carry; empty where they differ or have none."""
    found = set()
    for name in PHASES:
        path = f"{MANIFESTS}/{name}.yaml"
        found.add(annotation(read_text(path), CONFIGURATION) if os.path.exists(path) else "")
    return found.pop() if len(found) == 1 else ""
