"""A certificate signing request of the Kubernetes API, parsed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtensionOID, NameOID

SIGNER = "kubernetes.io/kubelet-serving"
USER_PREFIX = "system:node:"
SMALLEST_RSA_BITS = 2048


class MalformedError(ValueError):
    """The request cannot be what a kubelet sends."""


@dataclass(frozen=True)
class Request:
    """What is asked for, and by whom."""

    username: str
    groups: frozenset[str]
    usages: frozenset[str]
    common_name: str
    organizations: tuple[str, ...]
    dns_names: tuple[str, ...]
    addresses: tuple[str, ...]

    @property
    def node(self) -> str:
        """Return the name of the node that asks, empty when it is none."""
        return self.username.removeprefix(USER_PREFIX) if self.username.startswith(USER_PREFIX) else ""


def concerns_us(item: Mapping[str, Any]) -> bool:
    """Tell whether a CSR is a kubelet's and still undecided."""
    decided = {condition.get("type") for condition in (item.get("status") or {}).get("conditions") or []}
    return item["spec"].get("signerName") == SIGNER and not decided & {"Approved", "Denied", "Failed"}


def request_of(item: Mapping[str, Any]) -> Request:
    """Parse a CSR; raise MalformedError for anything that no kubelet asks for."""
    spec = item["spec"]
    try:
        parsed = x509.load_pem_x509_csr(base64.b64decode(spec["request"], validate=True))
        valid = parsed.is_signature_valid
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        raise MalformedError("the request is no PEM certificate request") from error
    if not valid:
        raise MalformedError("the request is not signed by its own key")
    _check_key(parsed.public_key())
    dns_names, addresses = _alternatives(parsed)
    common_name, organizations = _subject(parsed.subject)
    return Request(
        username=str(spec.get("username", "")),
        groups=frozenset(spec.get("groups") or []),
        usages=frozenset(spec.get("usages") or []),
        common_name=common_name,
        organizations=organizations,
        dns_names=dns_names,
        addresses=addresses,
    )


def _check_key(key: object) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < SMALLEST_RSA_BITS:
            raise MalformedError(f"the RSA key has {key.key_size} bits, needed: {SMALLEST_RSA_BITS}")
    elif not isinstance(key, ec.EllipticCurvePublicKey):
        raise MalformedError("the key is neither RSA nor ECDSA")


def _subject(subject: x509.Name) -> tuple[str, tuple[str, ...]]:
    """Return common name and organizations; anything else in the subject is refused."""
    names = [str(one.value) for one in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    organizations = tuple(str(one.value) for one in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME))
    if len(names) != 1 or len(names) + len(organizations) != len(list(subject)):
        raise MalformedError(f"the subject is {subject.rfc4514_string()!r}, needed: one CN and O")
    return names[0], organizations


def _alternatives(parsed: x509.CertificateSigningRequest) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return DNS names and addresses; other kinds of names and other extensions are refused."""
    try:
        extensions = list(parsed.extensions)
    except (ValueError, x509.DuplicateExtension) as error:
        raise MalformedError("the extensions cannot be read") from error
    dns_names: list[str] = []
    addresses: list[str] = []
    for extension in extensions:
        if extension.oid != ExtensionOID.SUBJECT_ALTERNATIVE_NAME:
            raise MalformedError(f"the request has the extension {extension.oid.dotted_string}")
        for name in extension.value:
            if isinstance(name, x509.DNSName):
                dns_names.append(name.value)
            elif isinstance(name, x509.IPAddress):
                addresses.append(str(name.value))
            else:
                raise MalformedError(f"the request has an alternative name of kind {type(name).__name__}")
    return tuple(sorted(dns_names)), tuple(sorted(addresses))
