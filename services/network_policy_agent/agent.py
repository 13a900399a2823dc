"""The loop: gather changes for a moment, compile, render, apply when different, look after what was applied."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Iterable

from kube_api import Metric
from kube_api.reflector import Change

from network_policy_agent.attachments import Attachments
from network_policy_agent.compiler import Admission, compile_node
from network_policy_agent.netfilter import Netfilter, NetfilterError
from network_policy_agent.policy import Policy
from network_policy_agent.render import Options, render
from network_policy_agent.store import Store

TICK_S = 0.05
"""How often the folder of attachments is looked at, and the longest wait for a change."""
GATHER_S = 0.02
"""Changes that come so close together are applied together."""
CHECK_S = 5.0
"""How often the kernel's rules are compared with what was applied."""
STUCK_S = 60.0

log = logging.getLogger(__name__)


class Agent:
    """Owns the state; `tell` is called by the reflectors' threads, all else by one thread."""

    def __init__(
        self,
        node: str,
        options: Options,
        netfilter: Netfilter,
        attachments: Attachments,
        report: Callable[[list[Policy]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._changes: queue.SimpleQueue[Change] = queue.SimpleQueue()
        self._store = Store(node)
        self._node = node
        self._options = options
        self._netfilter = netfilter
        self._attachments = attachments
        self._report = report
        self._clock = clock
        self._dirty = True
        self._rendered: str | None = None
        self._admissions: tuple[Admission, ...] = ()
        self._policies: list[Policy] = []
        self._error: str | None = None
        self._last_turn = self._last_check = clock()
        self._last_sync = 0.0
        self._counts = {"applied": 0, "errors": 0, "repaired": 0}

    def tell(self, change: Change) -> None:
        """Take a change from any thread."""
        self._changes.put(change)

    def run(self) -> None:
        """Work for ever."""
        while True:
            self.turn()

    def turn(self) -> None:
        """Wait at most TICK_S for a change, then bring the kernel up to date."""
        self._gather()
        self._dirty |= self._attachments.refresh()
        now = self._clock()
        self._last_turn = now
        if not self._store.synced:
            return
        try:
            if now - self._last_check >= CHECK_S:
                self._last_check = now
                self._look_after()
            if self._dirty:
                self._sync()
            self._error = None
        except NetfilterError as error:
            if self._error is None:
                log.error("%s", error)  # noqa: TRY400 (the message says all)
            self._error = str(error)
            self._counts["errors"] += 1
            time.sleep(TICK_S)

    def _gather(self) -> None:
        """Take waiting changes in; once one came, those that follow within GATHER_S too."""
        try:
            self._dirty |= self._store.take(self._changes.get(timeout=TICK_S))
            until = self._clock() + GATHER_S
            while (left := until - self._clock()) > 0:
                self._dirty |= self._store.take(self._changes.get(timeout=left))
        except queue.Empty:
            return

    def _sync(self) -> None:
        """Compile and apply; the order matters: bridged packets must pass the rules before a pod is admitted."""
        started = self._clock()
        if self._rendered is None and self._netfilter.filter_bridged():
            log.warning("bridged packets did not pass netfilter: switched on")
        self._policies = self._store.policies
        self._admissions = compile_node(self._store.cluster(self._attachments), self._node)
        rendered = render(self._admissions, self._options)
        if rendered != self._rendered:
            self._netfilter.apply(rendered)
            self._rendered = rendered
            self._counts["applied"] += 1
            took = self._clock() - started
            log.info("%d pods, %d policies in %.0f ms", len(self._admissions), len(self._policies), took * 1000)
        self._dirty = False
        self._last_sync = time.time()
        self._report(self._policies)

    def _look_after(self) -> None:
        """Put back what another program flushed or changed."""
        if self._netfilter.filter_bridged():
            self._counts["repaired"] += 1
            log.warning("bridged packets no longer passed netfilter: switched on again")
        if self._rendered is not None and not self._netfilter.intact():
            self._counts["repaired"] += 1
            log.warning("the rules were changed by another program: applying them again")
            self._rendered = None
            self._dirty = True

    def alive(self) -> str | None:
        """Return why the agent should be restarted, or None."""
        silent = self._clock() - self._last_turn
        return f"no turn for {silent:.0f} s" if silent > STUCK_S else None

    def ready(self) -> str | None:
        """Return why pods of this node may wait for their rules, or None."""
        if not self._store.synced:
            return "not all objects have been listed yet"
        return self._error or (None if self._rendered is not None else "no rules have been applied yet")

    def metrics(self) -> Iterable[Metric]:
        """Return the agent's figures."""
        prefix = "network_policy_agent"
        policies = self._policies
        isolated = sum(1 for one in self._admissions if (one.ingress, one.egress) != (None, None))
        gauges = {
            "policies": ("NetworkPolicies in the cluster", len(policies)),
            "policies_refused": (
                "NetworkPolicies that are not enforced in full",
                sum(1 for one in policies if one.refusals),
            ),
            "pods_admitted": ("Pods of this node that have a network", len(self._admissions)),
            "pods_isolated": ("Pods of this node that a policy isolates", isolated),
            "rules_bytes": ("Size of the applied transaction", len(self._rendered or "")),
            "last_sync_timestamp_seconds": ("When the rules were last found or made right", self._last_sync),
        }
        for name, (text, number) in gauges.items():
            yield Metric(f"{prefix}_{name}", "gauge", text, number)
        for name, text in (
            ("applied", "Transactions applied"),
            ("errors", "Transactions or checks that failed"),
            ("repaired", "Times that rules or sysctls changed by another program were put back"),
        ):
            yield Metric(f"{prefix}_{name}_total", "counter", text, self._counts[name])
        for reason, packets in self._netfilter.drops().items():
            text = "Packets dropped since the rules last changed"
            yield Metric(f"{prefix}_dropped_packets_total", "counter", text, packets, {"reason": reason})
