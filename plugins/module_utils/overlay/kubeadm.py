# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What kubeadm has to do on a host, whatever an interrupted run has left there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.host import (
    CLEAN,
    LEFTOVER,
    MEMBER,
    STALE,
    UNFINISHED,
    Observation,
    classify,
)

NOTHING, FINISH, RUN, RESET, RESET_AND_RUN, REFUSE = "nothing", "finish", "run", "reset", "reset_and_run", "refuse"


@dataclass(frozen=True)
class Decision:
    """What to do on the host, and why."""

    step: str
    reason: str
    before: str = CLEAN

    @property
    def state(self) -> str:
        """The state of the host when the step is done."""
        return {RESET: CLEAN, RUN: MEMBER, RESET_AND_RUN: MEMBER, FINISH: MEMBER}.get(self.step, self.before)

    @property
    def changes(self) -> bool:
        """Whether the host changes."""
        return self.step not in (NOTHING, REFUSE)


def decide(action: str, control_plane: bool, seen: Observation, reset_allowed: bool = False) -> Decision:
    """Return what `action` means on a host in the observed state; see ``_decide``."""
    return replace(_decide(action, control_plane, seen, reset_allowed), before=classify(seen))


def _decide(action: str, control_plane: bool, seen: Observation, reset_allowed: bool) -> Decision:
    """Return what `action` (init, join or reset) means on a host in the observed state.

    Data of etcd is destroyed only where kubeadm began here and never ended, or where ``reset_allowed`` says so.
    """
    state = classify(seen)
    if action == "reset":
        return (
            Decision(NOTHING, "nothing of Kubernetes is here")
            if state == CLEAN
            else Decision(RESET, f"the host is {state}")
        )
    if state == CLEAN:
        return Decision(RUN, "the host is clean")
    if state == MEMBER:
        return Decision(NOTHING, "the host is a member")
    if state == UNFINISHED:
        return _resume(action, control_plane, seen)
    if reset_allowed:
        return Decision(RESET_AND_RUN, f"the host is {state} and may be reset")
    return _leftover(action, control_plane, seen, state)


def _resume(action: str, control_plane: bool, seen: Observation) -> Decision:
    joined = seen.kubelet_kubeconfig and seen.node == "present" and (seen.api or not control_plane)
    if action == "join" and seen.unfinished == "join" and joined:
        return Decision(FINISH, "an interrupted join has ended well")
    return Decision(RESET_AND_RUN, f"an interrupted kubeadm {seen.unfinished} never ended")


def _leftover(action: str, control_plane: bool, seen: Observation, state: str) -> Decision:
    if action == "join" and not control_plane and not seen.etcd_data and not seen.control_plane:
        return Decision(RESET_AND_RUN, f"the host is {state}")
    words = {
        STALE: "it was a member of a cluster that does not know it",
        LEFTOVER: "it holds parts of a cluster that does not run",
    }
    return Decision(REFUSE, f"{words[state]}, {'with' if seen.etcd_data else 'without'} data of etcd")


def repair_of(decision: Decision) -> Decision:
    """Return the part of a decision that repairs what an interrupted run left, and begins nothing new."""
    steps = {RESET_AND_RUN: RESET, RUN: NOTHING}
    return replace(decision, step=steps.get(decision.step, decision.step))


def leftovers(pod_networks: bool = True) -> list[list[str]]:
    """Return the commands that remove what `kubeadm reset` leaves of networks; each may find nothing to remove."""
    links = ["cni0", "flannel.1"] if pod_networks else []
    tables = [
        ("ip", "kube-proxy"),
        ("ip6", "kube-proxy"),
        ("ip", "flannel-ipv4"),
        ("ip6", "flannel-ipv6"),
        ("inet", "ai_infn_network_policy"),
        ("bridge", "ai_infn_network_policy"),
    ]
    return [["ip", "link", "delete", link] for link in links] + [
        ["nft", "delete", "table", family, table] for family, table in tables
    ]


LEFTOVER_PATHS = ("/run/flannel", "/var/lib/cni", "/etc/cni/net.d", "/etc/kubernetes/pki")
"""Folders that are emptied after a reset: a returning node gets another pod range and other keys."""
