"""A host line more is a host more, a removal is a host less, and nothing else is touched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.platform.fingerprint import differences, host_facts
from tests.platform.site import Lab, Run
from tests.platform.test_layers import EXAMPLE

OLD_HOSTS = ("control-1", "worker-1", "worker-2")
TOLD_TO_THE_CLUSTER = (
    "See how far the control planes outside of this run are",
    "Label and taint the nodes, and wait until they work",
)
"""Tasks that run on a control plane for a new node: they change objects of the API (a token, the Node), and no host."""
WORKER_3 = {"all": {"children": {"kubernetes": {"children": {"kube_worker": {"hosts": {"worker-3": None}}}}}}}

PINNED = """
apiVersion: v1
kind: Pod
metadata: {name: pinned, namespace: default, labels: {app: pinned}}
spec:
  nodeName: worker-3
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: ghcr.io/ai-infn/probe:0.1.0
      command: [sleep, infinity]
      resources: {requests: {cpu: 10m, memory: 16Mi}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: keep-pinned, namespace: default}
spec: {minAvailable: 1, selector: {matchLabels: {app: pinned}}}
"""


@dataclass
class Growth:
    """The run that added worker-3, its inventory, and what changed on the hosts that were there before."""

    run: Run
    inventory: Path
    touched: list[str]


@pytest.fixture(scope="module")
def grown(raised: Lab) -> Iterator[Growth]:
    """The site with one worker more; the worker is gone at the end, whatever happened."""
    with raised.inventory_copy(WORKER_3) as inventory:
        before = {host: host_facts(raised, host) for host in OLD_HOSTS}
        run = raised.playbook("site", "--limit", "localhost,worker-3", inventory=inventory).assert_ok()
        touched = [line for host in OLD_HOSTS for line in differences(before[host], host_facts(raised, host))]
        yield Growth(run, inventory, touched)
        raised.kubectl("delete", "pdb/keep-pinned", "pod/pinned", "--ignore-not-found", "--now")
        if "node/worker-3" in raised.kubectl("get", "nodes", "-o", "name").split():
            raised.playbook("remove_node", inventory=inventory, extra={"node": "worker-3"}).assert_ok()
        raised.assert_ok()


def test_a_new_worker_becomes_ready_and_changes_no_other_host(grown: Growth, raised: Lab) -> None:
    raised.assert_ok(grown.inventory)
    others = [line for line in grown.run.changed if line.startswith(tuple(f"{host}:" for host in OLD_HOSTS))]
    assert [line for line in others if not line.endswith(TOLD_TO_THE_CLUSTER)] == []
    containers = [line for line in grown.touched if " container " not in line]
    assert containers == []
    raised.playbook("site", inventory=grown.inventory).assert_unchanged()


def test_a_disruption_budget_stops_a_removal_by_name_and_leaves_no_cordon(grown: Growth, raised: Lab) -> None:
    raised.kubectl("apply", "-f", "-", stdin=PINNED)
    raised.kubectl("wait", "pod/pinned", "--for=condition=Ready", "--timeout=60s")
    run = raised.playbook(
        "remove_node", inventory=grown.inventory, extra={"node": "worker-3", "kubernetes_drain_timeout": 10}
    )
    assert run.rc != 0
    assert "pinned" in run.failures and "keep-pinned" in run.failures
    node = json.loads(raised.kubectl("get", "node", "worker-3", "-o", "json"))
    assert not node["spec"].get("unschedulable")
    raised.kubectl("delete", "pdb", "keep-pinned")


def test_check_mode_shows_what_a_removal_would_evict_and_destroy(grown: Growth, raised: Lab) -> None:
    run = raised.playbook("remove_node", inventory=grown.inventory, extra={"node": "worker-3"}, check=True).assert_ok()
    told = str(run.results("runner_on_ok"))
    assert "default/pinned" in told
    assert {"localhost: Move its pods away", "localhost: Remove the server, keep its data volumes"} <= set(run.changed)
    assert "node/worker-3" in raised.kubectl("get", "nodes", "-o", "name").split()


def test_a_removed_worker_is_gone_from_cluster_and_cloud(grown: Growth, raised: Lab, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    raised.playbook(
        "remove_node", inventory=grown.inventory, extra=EXAMPLE | {"node": "worker-3", "example_notes": str(notes)}
    ).assert_ok()
    assert notes.read_text().splitlines() == ["before worker-3 alive", "after worker-3 alive"]
    assert "node/worker-3" not in raised.kubectl("get", "nodes", "-o", "name").split()
    assert "worker-3" not in [server.name for server in raised.tenant.compute.servers()]
    raised.playbook("site").assert_unchanged()
    raised.assert_ok()


def test_the_last_control_plane_stays(raised: Lab) -> None:
    run = raised.playbook("remove_node", extra={"node": "control-1"})
    assert run.rc != 0 and run.changed == []
    assert "last control plane" in run.failures


def test_an_unknown_host_is_refused_with_the_names_there_are(raised: Lab) -> None:
    run = raised.playbook("remove_node", extra={"node": "worker-33"})
    assert run.rc != 0 and "worker-33" in run.failures and "worker-1" in run.failures
