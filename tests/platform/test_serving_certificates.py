"""Kubelets serve certificates of the cluster's authority, for their own names and addresses only."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from tests.platform.network import Network
from tests.platform.site import Lab
from tests.support import eventually

Json = dict[str, Any]
CERTIFICATE = "/var/lib/kubelet/pki/kubelet-client-current.pem"
"""Certificate and key with which the kubelet speaks to the API server."""
REQUESTS = "https://127.0.0.1:8443/apis/certificates.k8s.io/v1/certificatesigningrequests"
VERIFY = """
import socket, ssl, sys
context = ssl.create_default_context(cafile="/etc/kubernetes/pki/ca.crt")
for address in sys.argv[1:]:
    with socket.create_connection((address, 10250), timeout=5) as opened:
        with context.wrap_socket(opened, server_hostname=address) as secured:
            print(secured.getpeercert()["subject"])
"""


@pytest.fixture(scope="module")
def network(raised: Lab) -> Network:
    """The cluster's nodes and their addresses."""
    return Network(raised)


@pytest.fixture
def requests(network: Network) -> Iterator[list[str]]:
    """Names of the requests that the test makes; they are removed afterwards."""
    names: list[str] = []
    yield names
    if names:
        network.kubectl("delete", "csr", "--ignore-not-found", *names)


def ask_as_kubelet(network: Network, name: str, alternatives: str, names: list[str]) -> None:
    """Ask for a serving certificate with the credentials of the first worker's kubelet."""
    node = network.workers[0]
    host = network.host(node)
    pem = host.check_output(
        "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null"
        f" -subj /O=system:nodes/CN=system:node:{node} -addext subjectAltName={alternatives} 2>/dev/null | base64 -w0"
    )
    spec = {
        "request": pem.strip(),
        "signerName": "kubernetes.io/kubelet-serving",
        "usages": ["digital signature", "server auth"],
    }
    names.append(name)
    item = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest"}
    document = json.dumps({**item, "metadata": {"name": name}, "spec": spec})
    host.check_output(
        f"curl --fail --silent --show-error --cert {CERTIFICATE} --cacert /etc/kubernetes/pki/ca.crt"
        f" --json {shlex.quote(document)} {REQUESTS}"
    )


def answer(network: Network, name: str) -> list[tuple[str, str]]:
    """Return types and reasons of a request's conditions."""
    status = json.loads(network.kubectl("get", "csr", name, "-o", "json"))["status"]
    return [(one["type"], one["reason"]) for one in status.get("conditions", [])]


def test_every_kubelet_serves_a_certificate_of_the_clusters_authority(network: Network) -> None:
    leader = next(name for name in network.node_addresses if name not in network.workers)
    command = shlex.join(["python3", "-c", VERIFY, *network.node_addresses.values()])
    shown = network.host(leader).check_output(command)
    for node in network.node_addresses:
        assert f"system:node:{node}" in shown


def test_metrics_of_every_node_are_served_with_verified_kubelets(network: Network) -> None:
    def complete() -> bool:
        shown = network.kubectl("top", "nodes", "--no-headers", status=None)
        return {line.split()[0] for line in shown.splitlines()} == set(network.node_addresses)

    eventually(complete, 60, "metrics of all nodes")


def test_a_kubelet_gets_a_certificate_for_its_own_names(network: Network, requests: list[str]) -> None:
    node = network.workers[0]
    ask_as_kubelet(network, "serving-own", f"DNS:{node},IP:{network.node_addresses[node]}", requests)
    eventually(lambda: ("Approved", "Declared") in answer(network, "serving-own"), 10, "it is approved")


def test_a_kubelet_is_denied_the_address_of_another_node(network: Network, requests: list[str]) -> None:
    node, other = network.workers
    ask_as_kubelet(network, "serving-other", f"DNS:{node},IP:{network.node_addresses[other]}", requests)
    eventually(lambda: ("Denied", "NameOfAnotherNode") in answer(network, "serving-other"), 10, "it is denied")


def test_a_name_that_the_inventory_does_not_know_waits(network: Network, requests: list[str]) -> None:
    node = network.workers[0]
    ask_as_kubelet(network, "serving-strange", f"DNS:{node},DNS:kubernetes.default", requests)
    ask_as_kubelet(network, "serving-next", f"DNS:{node}", requests)
    eventually(lambda: ("Approved", "Declared") in answer(network, "serving-next"), 10, "a later one is approved")
    assert answer(network, "serving-strange") == []
