"""Researchers of the lab: accounts with kubeconfigs of their own, and the pods that they run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.platform.accounts import Accounts
from tests.platform.network import IMAGE
from tests.support import eventually

CONTROL = "control-1"
NODES = ("worker-1", "gpu-t4-1")
CERTIFICATE = """
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN={user}' \\
    -keyout {file}.key -out {file}.csr
export KUBECONFIG=/etc/kubernetes/admin.conf
kubectl apply -f - <<END
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {{name: {name}}}
spec: {{request: $(base64 -w0 {file}.csr), signerName: kubernetes.io/kube-apiserver-client, usages: [client auth]}}
END
kubectl certificate approve {name}
kubectl wait csr/{name} --for=jsonpath='{{.status.certificate}}' --timeout=30s
kubectl get csr {name} -o jsonpath='{{.status.certificate}}' | base64 -d >{file}.crt
kubectl delete csr {name}
cp $KUBECONFIG {file}
kubectl --kubeconfig {file} config set-credentials kubernetes-admin --embed-certs \\
    --client-certificate {file}.crt --client-key {file}.key
"""
"""A certificate whose subject is the API servers' name for a token's subject stands for the token."""


@dataclass(frozen=True)
class Researcher:
    """An account with a kubeconfig of its own, which lies on a control plane."""

    account: dict[str, Any]
    host: Any
    file: str

    @property
    def namespace(self) -> str:
        return f"user-{self.account['number']}"

    def kubectl(self, *words: str, document: Any = None) -> Any:
        """What kubectl does for this researcher, in the own namespace unless the words say otherwise."""
        where = [] if {"-n", "-A"} & set(words) else ["-n", self.namespace]
        command = " ".join(f"'{word}'" for word in ("kubectl", "--kubeconfig", self.file, *where, *words))
        feed = f"cat <<'END_OF_DOCUMENT' | {command}\n{json.dumps(document)}\nEND_OF_DOCUMENT"
        return self.host.run(command if document is None else feed)

    def done(self, *words: str, document: Any = None) -> str:
        done = self.kubectl(*words, document=document)
        assert done.rc == 0, done.stdout + done.stderr
        return str(done.stdout)


def pod(name: str, node: str = NODES[0], claims: tuple[str, ...] = ("home",), **changes: Any) -> dict[str, Any]:
    """A pod with claims at /mnt/CLAIM; ``changes`` are of its specification."""
    container = {
        "name": "main",
        "image": IMAGE,
        "command": ["sleep", "infinity"],
        "volumeMounts": [{"name": claim, "mountPath": f"/mnt/{claim}"} for claim in claims],
    }
    spec = {
        "containers": [container],
        "nodeSelector": {"kubernetes.io/hostname": node},
        "priorityClassName": "batch-lower",
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "terminationGracePeriodSeconds": 1,
        "volumes": [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims],
        **changes,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


@contextmanager
def running(researcher: Researcher, *pods: dict[str, Any]) -> Iterator[list[str]]:
    """Run pods of a researcher until they are ready, and delete those that are left at the end."""
    names = [one["metadata"]["name"] for one in pods]
    researcher.done("create", "-f", "-", document={"apiVersion": "v1", "kind": "List", "items": pods})
    try:
        researcher.done("wait", "--for=condition=Ready", "--timeout=120s", *(f"pod/{name}" for name in names))
        yield names
    finally:
        researcher.kubectl("delete", "pod", "--ignore-not-found", *names)


def researcher(accounts: Accounts, folder: str, subject: str, *teams: str) -> Researcher:
    """An account with its namespace and a kubeconfig."""
    account, host = accounts.login(subject, name=subject, teams=teams), accounts.hosts[CONTROL]
    file, user = f"{folder}/{subject}", f"oidc:{accounts.mark}-{subject}"
    host.check_output("set -e\n" + CERTIFICATE.format(file=file, user=user, name=f"{accounts.mark}-{subject}"))
    made = Researcher(account, host, file)
    wanted = {"home", "environments", *(f"group-{team['number']}" for team in account["groups"])}
    bound = ("get", "pvc", "-o", 'jsonpath={range .items[?(@.status.phase=="Bound")]}{.metadata.name}{"\\n"}{end}')
    eventually(lambda: set(made.kubectl(*bound).stdout.split()) == wanted, 60, f"{subject} has claims")
    return made
