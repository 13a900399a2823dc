"""The loop: decide each undecided request, again when the declared nodes change, and deny what waited too long.

Replicas need no leader: each decides alike, and the API server lets only the first one's answer stand.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from kube_api import ApiError, Change, Client, Metric

from kubelet_csr_approver.decision import Decision, Declared, Verdict, decide, declared_node
from kubelet_csr_approver.request import MalformedError, concerns_us, request_of

CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
KINDS = ("csrs", "nodes")
DECLARATION = "names-and-addresses"
"""Key of a declared node's ConfigMap."""
TICK_S = 1.0
CONFLICT, NOT_FOUND = 409, 404

log = logging.getLogger(__name__)


class Approver:
    """Owns the state; `tell` is called by the reflectors' threads, all else by one thread."""

    def __init__(self, client: Client, patience_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._patience_s = patience_s
        self._clock = clock
        self._changes: queue.SimpleQueue[Change] = queue.SimpleQueue()
        self._synced: set[str] = set()
        self._nodes: dict[str, Declared] = {}
        self._waiting: dict[str, dict[str, Any]] = {}
        self._since: dict[str, float] = {}
        self._said: dict[str, Decision] = {}
        self._counts = dict.fromkeys(Verdict, 0)
        self._errors = 0
        self._last_turn = clock()

    def tell(self, change: Change) -> None:
        """Take a change from any thread."""
        self._changes.put(change)

    def run(self) -> None:
        """Work for ever."""
        while True:
            self.turn()

    def turn(self) -> None:
        """Wait at most TICK_S for a change, then decide what can be decided."""
        try:
            self._take(self._changes.get(timeout=TICK_S))
            while True:
                self._take(self._changes.get_nowait())
        except queue.Empty:
            pass
        self._last_turn = self._clock()
        if self._synced == set(KINDS):
            for name in list(self._waiting):
                self._settle(name)

    def _take(self, change: Change) -> None:
        self._synced.add(change.kind)
        if change.kind == "nodes":
            self._declare(change)
            return
        if change.verb == "replaced":
            for name in self._waiting.keys() - {item["metadata"]["name"] for item in change.objects}:
                self._forget(name)
        for item in change.objects:
            name = item["metadata"]["name"]
            if change.verb != "removed" and concerns_us(item):
                self._waiting[name] = item
                self._since.setdefault(name, self._clock())
            else:
                self._forget(name)

    def _declare(self, change: Change) -> None:
        """Take in ConfigMaps: each has a node's name and declares it."""
        if change.verb == "replaced":
            self._nodes.clear()
        for item in change.objects:
            name = item["metadata"]["name"]
            if change.verb == "removed":
                self._nodes.pop(name, None)
            else:
                self._nodes[name] = declared_node(name, (item.get("data") or {}).get(DECLARATION, ""))

    def _settle(self, name: str) -> None:
        item = self._waiting[name]
        decision = self._decision(item, self._clock() - self._since[name])
        if decision != self._said.get(name):
            self._said[name] = decision
            log.info("%s: %s (%s) %s", name, decision.verdict.value, decision.reason, decision.message)
        if decision.verdict is Verdict.WAIT:
            return
        try:
            self._client.request("PUT", f"{CSRS}/{name}/approval", body=answered(item, decision, datetime.now(UTC)))
        except ApiError as error:
            if error.status not in (CONFLICT, NOT_FOUND):
                self._errors += 1
                log.warning("%s: %s", name, error)
                return
        else:
            self._counts[decision.verdict] += 1
        # After a conflict the watch brings the request again, unless another replica has answered it.
        self._forget(name)

    def _decision(self, item: dict[str, Any], waited_s: float) -> Decision:
        try:
            decision = decide(request_of(item), self._nodes)
        except MalformedError as error:
            return Decision(Verdict.DENY, "Malformed", str(error))
        if decision.verdict is Verdict.WAIT and waited_s > self._patience_s:
            return Decision(Verdict.DENY, decision.reason, decision.message)
        return decision

    def _forget(self, name: str) -> None:
        for kept in (self._waiting, self._since, self._said):
            kept.pop(name, None)

    def alive(self) -> str | None:
        """Return why the approver should be restarted, or None."""
        silent = self._clock() - self._last_turn
        return f"no turn for {silent:.0f} s" if silent > 60 else None

    def ready(self) -> str | None:
        """Return why no request can be decided yet, or None."""
        missing = sorted(set(KINDS) - self._synced)
        return f"not listed yet: {', '.join(missing)}" if missing else None

    def metrics(self) -> Iterable[Metric]:
        """Return the approver's figures."""
        prefix = "kubelet_csr_approver"
        for verdict in (Verdict.APPROVE, Verdict.DENY):
            labels = {"verdict": verdict.value.lower()}
            yield Metric(f"{prefix}_decisions_total", "counter", "Decisions made", self._counts[verdict], labels)
        yield Metric(f"{prefix}_errors_total", "counter", "Answers that the API refused", self._errors)
        yield Metric(f"{prefix}_waiting", "gauge", "Requests that wait for the inventory", len(self._waiting))
        yield Metric(f"{prefix}_declared_nodes", "gauge", "Nodes that the inventory declares", len(self._nodes))


def answered(item: dict[str, Any], decision: Decision, now: datetime) -> dict[str, Any]:
    """Return the CSR with the decision added to its conditions."""
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    condition = {
        "type": decision.verdict.value,
        "status": "True",
        "reason": decision.reason,
        "message": decision.message,
        "lastUpdateTime": stamp,
        "lastTransitionTime": stamp,
    }
    conditions = [*((item.get("status") or {}).get("conditions") or []), condition]
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        **item,
        "status": {**(item.get("status") or {}), "conditions": conditions},
    }
