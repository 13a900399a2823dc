"""May this node have this certificate? Pure: request and declared nodes in, decision out."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from kubelet_csr_approver.request import USER_PREFIX, Request

NODES_GROUP = "system:nodes"
USAGES = (
    frozenset({"digital signature", "server auth"}),
    frozenset({"digital signature", "key encipherment", "server auth"}),
)


class Verdict(Enum):
    """What to do with a request; WAIT: the inventory may still come to know the node."""

    APPROVE = "Approved"
    DENY = "Denied"
    WAIT = "Waiting"


@dataclass(frozen=True)
class Decision:
    """A verdict, a reason in one word for machines and a message for people."""

    verdict: Verdict
    reason: str
    message: str


@dataclass(frozen=True)
class Declared:
    """Names and addresses of one node, as the inventory says."""

    names: frozenset[str]
    addresses: frozenset[str]


def declared_node(node: str, text: str) -> Declared:
    """Read what is declared of a node: its addresses and further names, separated by commas or spaces."""
    words = text.replace(",", " ").split()
    addresses = frozenset(_address(word) for word in words if _is_address(word))
    return Declared(frozenset({node, *(word for word in words if not _is_address(word))}), addresses)


def decide(request: Request, nodes: Mapping[str, Declared]) -> Decision:
    """Return the decision on a well-formed request."""
    problem = _identity_problem(request)
    if problem:
        return Decision(Verdict.DENY, "NotThisNode", problem)
    if request.usages not in USAGES:
        return Decision(
            Verdict.DENY, "WrongUsages", f"usages are {_listed(request.usages)}, needed: {_listed(USAGES[0])}"
        )
    if not request.dns_names and not request.addresses:
        return Decision(Verdict.DENY, "NoNames", "the request names neither host nor address")
    declared = nodes.get(request.node)
    if declared is None:
        return Decision(Verdict.WAIT, "UndeclaredNode", f"the inventory has no node {request.node}")
    strange = _undeclared(request, declared)
    if not strange:
        return Decision(Verdict.APPROVE, "Declared", f"names and addresses of {request.node} are as declared")
    owner = next((name for name, other in nodes.items() if name != request.node and _claims(other, strange)), None)
    if owner is not None:
        return Decision(Verdict.DENY, "NameOfAnotherNode", f"{_listed(strange)} belongs to node {owner}")
    allowed = declared.names | declared.addresses
    message = f"{_listed(strange)} is not declared for {request.node}; declared: {_listed(allowed)}"
    return Decision(Verdict.WAIT, "UndeclaredName", message)


def _identity_problem(request: Request) -> str | None:
    if not request.node:
        return f"user {request.username!r} is no node"
    if NODES_GROUP not in request.groups:
        return f"user {request.username!r} is not in group {NODES_GROUP}"
    if request.common_name != USER_PREFIX + request.node:
        return f"{request.username} asks for the common name {request.common_name!r}"
    if request.organizations != (NODES_GROUP,):
        return f"organizations are {_listed(request.organizations)}, needed: {NODES_GROUP}"
    return None


def _undeclared(request: Request, declared: Declared) -> frozenset[str]:
    return (frozenset(request.dns_names) - declared.names) | (frozenset(request.addresses) - declared.addresses)


def _claims(other: Declared, strange: frozenset[str]) -> bool:
    return bool(strange & (other.names | other.addresses))


def _is_address(word: str) -> bool:
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True


def _address(word: str) -> str:
    return str(ipaddress.ip_address(word))


def _listed(words: object) -> str:
    return ", ".join(sorted(str(word) for word in words)) or "none"  # type: ignore[attr-defined]
