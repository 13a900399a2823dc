"""What the agent keeps of the objects that it is told of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from kube_api import Change
from network_policy_agent.attachments import Attachment
from network_policy_agent.compiler import compile_node
from network_policy_agent.store import PATHS, Store
from samples import Json, namespace_json, pod_json, policy_json

SPEC = {
    "podSelector": {},
    "policyTypes": ["Ingress"],
    "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"tier": "trusted"}}}]}],
}
ATTACHED: Any = SimpleNamespace(current={"uid-web": Attachment("uid-web", "10.0.0.1", "veth1")})


def told(store: Store, verb: str, kind: str, *objects: Json) -> bool:
    return store.take(Change(kind, verb, objects))


def whole() -> Store:
    """Return a store that was told everything once."""
    store = Store("a")
    told(store, "replaced", "pods", pod_json("web", "10.0.0.1"), pod_json("friend", "10.0.1.2", "b", "other"))
    told(store, "replaced", "namespaces", namespace_json("team"), namespace_json("other", tier="trusted"))
    told(store, "replaced", "networkpolicies", policy_json("p", SPEC))
    return store


def networks(store: Store) -> list[tuple[str, ...] | None]:
    """Return from where the pod of the node is reached."""
    (admission,) = compile_node(store.cluster(ATTACHED), "a")
    return [allow.networks for allow in admission.ingress or ()]


def test_a_namespace_is_found_by_its_labels() -> None:
    assert networks(whole()) == [("10.0.1.2/32",)]


def test_a_namespace_that_loses_its_label_is_found_no_more() -> None:
    store = whole()
    assert told(store, "set", "namespaces", namespace_json("other"))
    assert networks(store) == []


def test_what_alters_nothing_is_no_change_and_all_kinds_are_needed() -> None:
    store = Store("a")
    for kind in PATHS:
        assert not store.synced
        assert told(store, "replaced", kind)
    assert store.synced
    assert not told(store, "removed", "pods", pod_json("web", "10.0.0.1"))
