"""Kubernetes objects for the tests, as short as they can be written."""

from __future__ import annotations

from typing import Any

from network_policy_agent.compiler import Cluster
from network_policy_agent.objects import Pod, labels_of, pod_of
from network_policy_agent.policy import policy_of

Json = dict[str, Any]


def pod_json(
    name: str,
    address: str | None,
    node: str = "a",
    namespace: str = "team",
    ports: list[Json] | None = None,
    labels: dict[str, str] | None = None,
) -> Json:
    """Return a running pod; its label `app` is its name."""
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{name}",
            "labels": {"app": name} if labels is None else labels,
        },
        "spec": {"nodeName": node, "containers": [{"name": "main", "ports": ports or []}]},
        "status": {"phase": "Running", **({"podIP": address, "podIPs": [{"ip": address}]} if address else {})},
    }


def pod(*arguments: Any, **options: Any) -> Pod:
    """Return the same as the agent keeps it."""
    parsed = pod_of(pod_json(*arguments, **options))
    assert parsed is not None
    return parsed


def policy_json(name: str, spec: Json, namespace: str = "team") -> Json:
    """Return a policy."""
    return {"metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}"}, "spec": spec}


def namespace_json(name: str, **labels: str) -> Json:
    """Return a namespace with the label that the API server gives every one."""
    return {"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name, **labels}}}


def cluster(pods: list[Pod], specs: list[Json], namespaces: list[Json] | None = None) -> Cluster:
    """Return a cluster whose policies are in the namespace `team`."""
    known = namespaces or [namespace_json("team"), namespace_json("other", tier="trusted")]
    return Cluster(
        pods=tuple(pods),
        namespaces=tuple((one["metadata"]["name"], labels_of(one)) for one in known),
        policies=tuple(policy_of(policy_json(f"policy-{number}", spec)) for number, spec in enumerate(specs)),
    )


def app(name: str) -> Json:
    """Return the selector of one app."""
    return {"matchLabels": {"app": name}}
