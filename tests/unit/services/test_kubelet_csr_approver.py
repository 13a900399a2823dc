"""Which certificates a kubelet may have, and what the approver says to the API."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from kube_api import ApiError, Change, Client, Connection
from kubelet_csr_approver.approver import DECLARATION, Approver
from kubelet_csr_approver.decision import Decision, Verdict, decide, declared_node
from kubelet_csr_approver.request import MalformedError, concerns_us, request_of

Json = dict[str, Any]
DECLARED = {"worker-1": "10.64.0.11", "worker-2": "10.64.0.12, worker-2.example"}
NODES = {name: declared_node(name, text) for name, text in DECLARED.items()}
KEY = ec.generate_private_key(ec.SECP256R1())


def csr(
    *alternatives: x509.GeneralName,
    node: str = "worker-1",
    common_name: str | None = None,
    organizations: Sequence[str] = ("system:nodes",),
    key: Any = KEY,
    extra: x509.ExtensionType | None = None,
    **spec: Any,
) -> Json:
    """Return the CSR object that a kubelet would make; `spec` overrides what the API server fills in."""
    names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, one) for one in organizations]
    names.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name or f"system:node:{node}"))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    if extra is not None:
        builder = builder.add_extension(extra, critical=True)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    pem = builder.sign(key, algorithm).public_bytes(serialization.Encoding.PEM)
    return {
        "metadata": {"name": f"csr-{node}", "resourceVersion": "7"},
        "spec": {
            "request": base64.b64encode(pem).decode(),
            "signerName": "kubernetes.io/kubelet-serving",
            "username": f"system:node:{node}",
            "groups": ["system:nodes", "system:authenticated"],
            "usages": ["digital signature", "server auth"],
            **spec,
        },
        "status": {},
    }


def dns(name: str) -> x509.GeneralName:
    return x509.DNSName(name)


def address(text: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(text))


GOOD = (dns("worker-1"), address("10.64.0.11"))


def decided(item: Json) -> Decision:
    return decide(request_of(item), NODES)


def test_the_declared_name_and_address_are_approved() -> None:
    assert decided(csr(*GOOD)).verdict is Verdict.APPROVE
    usages = ["digital signature", "key encipherment", "server auth"]
    assert decided(csr(*GOOD, usages=usages)).verdict is Verdict.APPROVE
    further = csr(dns("worker-2.example"), address("10.64.0.12"), node="worker-2")
    assert decided(further).verdict is Verdict.APPROVE


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (csr(*GOOD, username="alice"), "NotThisNode"),
        (csr(*GOOD, username="system:node:worker-2"), "NotThisNode"),
        (csr(*GOOD, groups=["system:authenticated"]), "NotThisNode"),
        (csr(*GOOD, common_name="system:node:worker-2"), "NotThisNode"),
        (csr(*GOOD, common_name="system:admin"), "NotThisNode"),
        (csr(*GOOD, organizations=("system:masters",)), "NotThisNode"),
        (csr(*GOOD, organizations=("system:nodes", "system:masters")), "NotThisNode"),
        (csr(*GOOD, organizations=()), "NotThisNode"),
        (csr(*GOOD, usages=["digital signature", "server auth", "client auth"]), "WrongUsages"),
        (csr(*GOOD, usages=["server auth"]), "WrongUsages"),
        (csr(), "NoNames"),
        (csr(dns("worker-2")), "NameOfAnotherNode"),
        (csr(*GOOD, address("10.64.0.12")), "NameOfAnotherNode"),
    ],
)
def test_what_belongs_to_somebody_else_is_denied(item: Json, reason: str) -> None:
    decision = decided(item)
    assert (decision.verdict, decision.reason) == (Verdict.DENY, reason)


@pytest.mark.parametrize(
    "item",
    [
        csr(dns("worker-9"), node="worker-9"),
        csr(*GOOD, dns("kubernetes.default")),
        csr(*GOOD, dns("*.worker-1")),
        csr(*GOOD, address("10.96.0.1")),
        csr(*GOOD, address("127.0.0.1")),
        csr(*GOOD, dns("WORKER-1")),
    ],
)
def test_what_the_inventory_does_not_know_waits(item: Json) -> None:
    assert decided(item).verdict is Verdict.WAIT


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (csr(*GOOD, request="bm8="), "no PEM"),
        (csr(*GOOD, request="%%%"), "no PEM"),
        (csr(*GOOD, x509.RFC822Name("a@example.org")), "RFC822Name"),
        (csr(*GOOD, x509.UniformResourceIdentifier("spiffe://x")), "UniformResourceIdentifier"),
        (csr(*GOOD, extra=x509.BasicConstraints(ca=True, path_length=None)), "extension 2.5.29.19"),
        (csr(*GOOD, key=rsa.generate_private_key(65537, 1024)), "1024 bits"),  # noqa: S505 (weak by intent)
        (csr(*GOOD, key=ed25519.Ed25519PrivateKey.generate()), "neither RSA nor ECDSA"),
    ],
)
def test_what_no_kubelet_sends_is_malformed(item: Json, said: str) -> None:
    with pytest.raises(MalformedError, match=said):
        request_of(item)


def test_only_undecided_requests_of_kubelets_concern_us() -> None:
    assert concerns_us(csr(*GOOD))
    assert not concerns_us(csr(*GOOD, signerName="kubernetes.io/kube-apiserver-client"))
    assert not concerns_us({**csr(*GOOD), "status": {"conditions": [{"type": "Denied"}]}})


def test_addresses_are_compared_as_addresses() -> None:
    assert declared_node("n", "2001:DB8::0001").addresses == {"2001:db8::1"}


class Api(Client):
    """Remembers what was put."""

    def __init__(self) -> None:
        super().__init__(Connection("nowhere", 1, None, None))
        self.put: list[Json] = []
        self.status = 0

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> Json:
        if self.status:
            raise ApiError(self.status, "no")
        self.put.append({"path": path, **(body or {})})
        return {}


class Scene:
    """An approver with a fake API and a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.api = Api()
        self.approver = Approver(self.api, patience_s=300, clock=lambda: self.now)

    def tell(self, kind: str, verb: str, *objects: Json) -> None:
        self.approver.tell(Change(kind, verb, objects))
        self.approver.turn()

    def declare(self, **data: str) -> None:
        nodes = [
            {"metadata": {"name": name.replace("_", "-")}, "data": {DECLARATION: text}} for name, text in data.items()
        ]
        self.tell("nodes", "replaced", *nodes)

    def verdicts(self) -> list[str]:
        return [item["status"]["conditions"][-1]["type"] for item in self.api.put]


def test_a_request_waits_until_its_node_is_declared() -> None:
    scene = Scene()
    scene.tell("csrs", "replaced", csr(*GOOD))
    assert scene.approver.ready() == "not listed yet: nodes"
    scene.declare()
    assert scene.api.put == []
    scene.declare(worker_1="10.64.0.11")
    assert scene.verdicts() == ["Approved"]
    assert scene.api.put[0]["path"].endswith("/certificatesigningrequests/csr-worker-1/approval")


def test_a_request_that_waited_too_long_is_denied_with_the_reason() -> None:
    scene = Scene()
    scene.declare()
    scene.tell("csrs", "set", csr(*GOOD))
    scene.now = 301
    scene.tell("csrs", "set", csr(*GOOD))
    condition = scene.api.put[0]["status"]["conditions"][0]
    assert (condition["type"], condition["reason"]) == ("Denied", "UndeclaredNode")


def test_an_answer_that_another_replica_gave_first_stands() -> None:
    scene = Scene()
    scene.declare(worker_1="10.64.0.11")
    scene.api.status = 409
    scene.tell("csrs", "set", csr(*GOOD))
    scene.api.status = 0
    scene.tell("csrs", "set", {**csr(*GOOD), "status": {"conditions": [{"type": "Approved"}]}})
    assert scene.api.put == []


def test_an_api_that_is_away_is_asked_again() -> None:
    scene = Scene()
    scene.declare(worker_1="10.64.0.11")
    scene.api.status = 500
    scene.tell("csrs", "set", csr(*GOOD))
    scene.api.status = 0
    scene.declare(worker_1="10.64.0.11")
    assert scene.verdicts() == ["Approved"]


def test_a_node_that_is_declared_no_more_is_not_approved() -> None:
    scene = Scene()
    scene.declare(worker_1="10.64.0.11")
    scene.tell("nodes", "removed", {"metadata": {"name": "worker-1"}})
    scene.tell("csrs", "set", csr(*GOOD))
    assert scene.api.put == []
