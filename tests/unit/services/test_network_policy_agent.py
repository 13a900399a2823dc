"""The agent's loop over a fake kernel, and its reading of the network plugin's results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from kube_api.health import Metric, exposition
from kube_api.reflector import Change
from network_policy_agent.__main__ import options_from
from network_policy_agent.agent import CHECK_S, Agent
from network_policy_agent.attachments import Attachment, Attachments
from network_policy_agent.netfilter import Netfilter, NetfilterError
from network_policy_agent.policy import Policy
from network_policy_agent.render import Options
from samples import Json, namespace_json, pod_json, policy_json


class Kernel(Netfilter):
    """Remembers transactions in place of applying them."""

    def __init__(self) -> None:
        super().__init__()
        self.transactions: list[str] = []
        self.fails = False
        self.whole = True

    def apply(self, transaction: str) -> None:
        if self.fails:
            raise NetfilterError("no")
        self.transactions.append(transaction)
        self.whole = True

    def intact(self) -> bool:
        return self.whole

    def drops(self) -> dict[str, int]:
        return {"denied_ingress": 3}

    def filter_bridged(self) -> bool:
        return False


class Scene:
    """An agent of node `a` with a fake kernel, a folder of results and a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        self.kernel = Kernel()
        self.reported: list[Policy] = []
        self.folder = folder
        self.agent = Agent(
            "a", Options(), self.kernel, Attachments(folder), self.reported.extend, clock=lambda: self.now
        )

    def tell(self, kind: str, verb: str, *objects: Json) -> None:
        self.agent.tell(Change(kind, verb, objects))

    def sync(self) -> None:
        self.tell("namespaces", "replaced", namespace_json("team"))
        self.tell("networkpolicies", "replaced")
        self.tell("pods", "replaced", pod_json("p1", "10.244.1.2"))
        self.turns()

    def turns(self) -> None:
        for _ in range(4):
            self.agent.turn()
            self.now += 0.01


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Return an agent that knows nothing yet."""
    return Scene(tmp_path)


def result(uid: str, address: str, interface: str = "eth0") -> Json:
    """Return what libcni writes."""
    return {
        "kind": "cniCacheV1",
        "ifName": interface,
        "cniArgs": [["IgnoreUnknown", "1"], ["K8S_POD_UID", uid]],
        "result": {
            "cniVersion": "1.0.0",
            "interfaces": [{"name": "cni0"}, {"name": "veth1"}, {"name": interface, "sandbox": "/run/netns/x"}],
            "ips": [{"address": f"{address}/24", "interface": 2}],
        },
    }


def test_nothing_is_applied_before_everything_is_known(scene: Scene) -> None:
    scene.tell("pods", "replaced", pod_json("p1", "10.244.1.2"))
    scene.turns()
    assert scene.kernel.transactions == []
    assert scene.agent.ready() == "not all objects have been listed yet"


def test_a_change_is_applied_once_and_noise_not_at_all(scene: Scene) -> None:
    scene.sync()
    assert len(scene.kernel.transactions) == 1
    noise = pod_json("p1", "10.244.1.2")
    noise["status"]["conditions"] = [{"type": "Ready"}]
    scene.tell("pods", "set", noise)
    scene.turns()
    assert len(scene.kernel.transactions) == 1
    scene.tell("pods", "set", pod_json("p2", "10.244.1.3"))
    scene.turns()
    assert len(scene.kernel.transactions) == 2
    assert scene.agent.ready() is None


def test_a_pod_is_admitted_by_the_plugins_result_before_the_api_knows_its_address(scene: Scene) -> None:
    scene.sync()
    scene.tell("pods", "set", pod_json("p2", None))
    scene.turns()
    assert "10.244.1.7" not in scene.kernel.transactions[-1]
    (scene.folder / "cbr0-1-eth0").write_text(json.dumps(result("uid-p2", "10.244.1.7")))
    scene.turns()
    assert "10.244.1.7" in scene.kernel.transactions[-1]
    (scene.folder / "cbr0-1-eth0").unlink()
    scene.turns()
    assert "10.244.1.7" not in scene.kernel.transactions[-1]


def test_a_removed_pod_is_admitted_no_more(scene: Scene) -> None:
    scene.sync()
    scene.tell("pods", "removed", pod_json("p1", "10.244.1.2"))
    scene.turns()
    assert "10.244.1.2" not in scene.kernel.transactions[-1]


def test_a_failed_transaction_is_tried_again_and_readiness_says_why(scene: Scene) -> None:
    scene.kernel.fails = True
    scene.sync()
    assert scene.agent.ready() == "no"
    scene.kernel.fails = False
    scene.turns()
    assert scene.agent.ready() is None
    assert len(scene.kernel.transactions) == 1


def test_rules_flushed_by_another_program_come_back(scene: Scene) -> None:
    scene.sync()
    scene.kernel.whole = False
    scene.now += CHECK_S
    scene.turns()
    assert len(scene.kernel.transactions) == 2
    samples = {metric.name: metric.value for metric in scene.agent.metrics()}
    assert samples["network_policy_agent_repaired_total"] == 1


def test_a_relist_that_brings_nothing_new_applies_nothing(scene: Scene) -> None:
    scene.sync()
    scene.tell("pods", "replaced", pod_json("p1", "10.244.1.2"))
    scene.turns()
    assert len(scene.kernel.transactions) == 1


def test_refusals_are_reported(scene: Scene) -> None:
    scene.sync()
    scene.tell("networkpolicies", "set", policy_json("strange", {"podSelector": {}, "colour": "red"}))
    scene.turns()
    assert scene.reported[-1].refusals == ("field 'colour': the policy allows nothing",)
    assert "policies_refused 1" in exposition(scene.agent.metrics())


def test_an_agent_that_makes_no_turn_is_not_alive(scene: Scene) -> None:
    scene.sync()
    assert scene.agent.alive() is None
    scene.now += 120
    assert scene.agent.alive() == "no turn for 120 s"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (result("u", "10.244.1.7"), {"u": Attachment("u", "10.244.1.7", "veth1")}),
        (result("u", "127.0.0.1", interface="lo"), {}),
        ({"cniArgs": None, "result": {"ips": [{"address": "10.0.0.1/8"}]}}, {}),
        (result("u", "fd00::7"), {}),
    ],
)
def test_results_name_pods_and_their_addresses(tmp_path: Path, content: Json, expected: dict[str, Attachment]) -> None:
    (tmp_path / "result").write_text(json.dumps(content))
    attachments = Attachments(tmp_path)
    attachments.refresh()
    assert attachments.current == expected


def test_a_result_that_is_half_written_is_read_again(tmp_path: Path) -> None:
    attachments = Attachments(tmp_path)
    (tmp_path / "result").write_text("")
    assert not attachments.refresh()
    (tmp_path / "result").write_text(json.dumps(result("u", "10.244.1.7")))
    assert attachments.refresh()
    assert attachments.current == {"u": Attachment("u", "10.244.1.7", "veth1")}


def test_a_missing_folder_of_results_is_no_error(tmp_path: Path) -> None:
    assert not Attachments(tmp_path / "nothing").refresh()


def test_overlapping_blocked_destinations_become_one() -> None:
    options = options_from({"BLOCKED_DESTINATIONS": "169.254.169.254, 169.254.0.0/16,10.0.0.1/24"})
    assert options.blocked_destinations == ("10.0.0.0/24", "169.254.0.0/16")
    assert options_from({"BLOCKED_DESTINATIONS": ""}).blocked_destinations == ()
    with pytest.raises(ValueError, match="fd00"):
        options_from({"BLOCKED_DESTINATIONS": "fd00::1"})


def test_metrics_have_one_heading_for_each_name() -> None:
    samples: list[Any] = [Metric("drops", "counter", "Drops", 1, {"why": reason}) for reason in ('a"b', "c")]
    assert exposition(samples) == ('# HELP drops Drops\n# TYPE drops counter\ndrops{why="a\\"b"} 1\ndrops{why="c"} 1\n')
