"""Tells the authors of policies what is not enforced: one Kubernetes Event for each reason, whichever node is first."""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
from datetime import UTC, datetime
from typing import Any

from kube_api import ApiError, Client

from network_policy_agent.policy import Policy

REASON = "NotEnforced"
CONFLICT = 409

log = logging.getLogger(__name__)


def event_of(policy: Policy, refusal: str, node: str, now: datetime) -> dict[str, Any]:
    """Return the Event; its name depends on policy and reason only, so that all nodes make the same one."""
    digest = hashlib.sha256(f"{policy.uid} {refusal}".encode()).hexdigest()[:16]
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{policy.name[:200]}.{digest}", "namespace": policy.namespace},
        "involvedObject": {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "namespace": policy.namespace,
            "name": policy.name,
            "uid": policy.uid,
        },
        "type": "Warning",
        "reason": REASON,
        "message": f"The network policy agent does not enforce this: {refusal}",
        "source": {"component": "network-policy-agent", "host": node},
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }


class Refusals(threading.Thread):
    """Reports each refusal once, from a thread of its own: a slow API must not delay the rules."""

    def __init__(self, client: Client, node: str) -> None:
        super().__init__(name="refusals", daemon=True)
        self._client = client
        self._node = node
        self._told: set[tuple[str, str]] = set()
        self._waiting: queue.SimpleQueue[list[Policy]] = queue.SimpleQueue()

    def report(self, policies: list[Policy]) -> None:
        """Hand over the policies that are in force."""
        self._waiting.put(policies)

    def run(self) -> None:
        """Report for ever."""
        while True:
            self.publish(self._waiting.get())

    def publish(self, policies: list[Policy]) -> None:
        """Log and publish refusals that are new; forget those of policies that are gone."""
        current = {(policy.uid, refusal): policy for policy in policies for refusal in policy.refusals}
        self._told &= current.keys()
        for key in sorted(current.keys() - self._told):
            policy = current[key]
            log.warning("policy %s/%s is not enforced in full: %s", policy.namespace, policy.name, key[1])
            event = event_of(policy, key[1], self._node, datetime.now(UTC))
            try:
                self._client.request("POST", f"/api/v1/namespaces/{policy.namespace}/events", body=event)
            except ApiError as error:
                if error.status != CONFLICT:
                    log.warning("cannot publish that as an event: %s", error)
                    continue
            self._told.add(key)
