"""The pods' network and its policies, by packets in the raised lab."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.settings import NETNS
from tests.platform.network import (
    NAMESPACE,
    OTHER_TCP,
    TALK,
    TCP,
    Network,
    app,
    is_ready,
    open_from,
    pod,
    policy,
    tcp,
    udp,
)
from tests.platform.site import Lab
from tests.support import eventually

POLICY_S = 3.0
"""How long a changed policy may take, exec into a pod on a busy machine included."""
METADATA = "169.254.169.254"
VXLAN_PORT = 8472


@pytest.fixture(scope="module")
def network(raised: Lab) -> Iterator[Network]:
    """Two pods on each of two workers; in a namespace that is removed afterwards."""
    network = Network(raised)
    one, two = network.workers
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    network.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": restricted}},
        *(pod(name, one) for name in ("a1", "a2")),
        *(pod(name, two) for name in ("b1", "b2")),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "echo", "namespace": NAMESPACE},
            "spec": {"selector": {"app": "a1"}, "ports": [{"port": 80, "targetPort": "echo"}]},
        },
    )
    network.ready("a1", "a2", "b1", "b2")
    yield network
    network.kubectl("delete", "namespace", NAMESPACE, "--wait=true")


@pytest.fixture
def pods(network: Network) -> Iterator[dict[str, str]]:
    """The pods' addresses; without policies before and after."""
    network.only_policies()
    addresses = network.addresses()
    network.becomes(
        "a2", {"same": tcp(addresses["a1"]), "other": tcp(addresses["b1"])}, {"same": True, "other": True}, 20
    )
    yield addresses
    network.only_policies()


def test_pods_reach_pods_services_and_names_on_every_node(network: Network, pods: dict[str, str]) -> None:
    targets = {
        "same node": tcp(pods["a1"]),
        "other node": tcp(pods["b1"]),
        "datagram": udp(pods["b1"]),
        "service by name, for a1 itself too": tcp("echo", 80),
    }
    for client in ("a2", "b2", "a1"):
        answers = network.ask(client, targets)
        assert all(answers.values()), (client, answers)


def test_a_full_size_packet_passes_between_hosts_unfragmented(network: Network, pods: dict[str, str]) -> None:
    mtu = int(network.kubectl("exec", "a1", "--", "cat", "/sys/class/net/eth0/mtu"))
    host_mtu = int(network.host(network.workers[0]).check_output("cat /sys/class/net/eth0/mtu"))
    assert mtu == host_mtu - 50, "VXLAN takes 50 bytes"
    headers = 28
    answers = network.ask("a1", {"full": udp(pods["b1"], mtu - headers), "too big": udp(pods["b1"], mtu - headers + 1)})
    assert answers == {"full": True, "too big": False}
    assert network.ask("a1", {"stream": tcp(pods["b1"], size=65536)}) == {"stream": True}


def test_policies_hold_on_the_same_and_on_different_nodes(network: Network, pods: dict[str, str]) -> None:
    targets = {"same": tcp(pods["a1"]), "open": tcp(pods["b1"])}
    network.apply(policy("deny", {"podSelector": app("a1"), "policyTypes": ["Ingress"]}))
    network.becomes("a2", targets, {"same": False, "open": True}, POLICY_S)
    network.becomes("b2", targets, {"same": False, "open": True}, POLICY_S)
    network.apply(
        policy(
            "allow",
            {
                "podSelector": app("a1"),
                "ingress": [
                    {
                        "from": [
                            {
                                "podSelector": {
                                    "matchExpressions": [{"key": "app", "operator": "In", "values": ["a2", "b2"]}]
                                }
                            }
                        ],
                        "ports": [{"port": "echo"}],
                    }
                ],
            },
        )
    )
    ports = {"named port": tcp(pods["a1"], TCP), "other port": tcp(pods["a1"], OTHER_TCP), "service": tcp("echo", 80)}
    expected = {"named port": True, "other port": False, "service": True}
    network.becomes("a2", ports, expected, POLICY_S)
    network.becomes("b2", ports, expected, POLICY_S)
    network.becomes("b1", ports, dict.fromkeys(ports, False), POLICY_S)
    answers = network.ask_from_host(network.workers[0], {"the kubelet's host": tcp(pods["a1"])})
    assert answers == {"the kubelet's host": True}


def test_egress_policies_close_pods_nodes_and_the_world(network: Network, pods: dict[str, str]) -> None:
    own, other = (network.node_addresses[name] for name in network.workers)
    targets = {
        "same node": tcp(pods["a2"]),
        "other node": tcp(pods["b1"]),
        "own host": tcp(own, 10250, size=0),
        "other host": tcp(other, 10250, size=0),
        "API": tcp("10.96.0.1", 443, size=0),
    }
    network.becomes("a1", targets, dict.fromkeys(targets, True), 10)
    network.apply(policy("deny", {"podSelector": app("a1"), "policyTypes": ["Egress"]}))
    network.becomes("a1", targets, dict.fromkeys(targets, False), POLICY_S)
    assert network.ask("b1", {"answers go out": tcp(pods["a1"])}) == {"answers go out": True}
    allowed = {
        "to": [
            {"podSelector": app("b1")},
            {"ipBlock": {"cidr": "0.0.0.0/0", "except": [f"{other}/32", "10.244.0.0/16"]}},
        ]
    }
    network.apply(policy("some", {"podSelector": app("a1"), "policyTypes": ["Egress"], "egress": [allowed]}))
    expected = {"same node": False, "other node": True, "own host": True, "other host": False}
    del targets["API"]
    network.becomes("a1", targets, expected, POLICY_S)


@pytest.mark.parametrize(("client", "server"), [("a2", "a1"), ("b1", "a1")])
def test_a_new_policy_cuts_what_is_established(
    network: Network, pods: dict[str, str], client: str, server: str
) -> None:
    talk = ("exec", "-i", client, "--", "python3", "-", pods[server], str(TCP), "80")
    with ThreadPoolExecutor() as pool:
        talking = pool.submit(network.kubectl, *talk, stdin=TALK, status=None)
        talks = ("exec", client, "--", "python3", "-c", "import os; print(os.path.exists('/tmp/connected'))")
        eventually(lambda: network.kubectl(*talks).strip() == "True", 30, f"{client} talks to {server}")
        network.apply(policy("deny", {"podSelector": app(server), "policyTypes": ["Ingress"]}))
        said = talking.result(timeout=60)
    assert "connected" in said, said
    assert "cut after" in said, said


def test_policies_hold_while_the_agent_is_restarted_and_after(network: Network, pods: dict[str, str]) -> None:
    node = network.workers[0]
    targets = {"denied": tcp(pods["a1"]), "allowed": tcp(pods["a2"])}
    expected = {"denied": False, "allowed": True}
    network.apply(policy("deny", {"podSelector": app("a1"), "policyTypes": ["Ingress"]}))
    network.becomes("b1", targets, expected, POLICY_S)
    before = network.agent(node)["metadata"]["uid"]
    network.kubectl("-n", "kube-system", "delete", "pod", network.agent(node)["metadata"]["name"], "--wait=false")

    def replaced() -> bool:
        assert network.ask("b1", targets) == expected, "while it restarts"
        agents = network.lab.objects("pod", "-n", "kube-system", "-l", "app.kubernetes.io/name=network-policy-agent")
        return any(
            one["spec"]["nodeName"] == node and one["metadata"]["uid"] != before and is_ready(one) for one in agents
        )

    eventually(replaced, 60, "the agent is back")
    assert network.ask("b1", targets) == expected
    network.only_policies()
    network.becomes("b1", targets, {"denied": True, "allowed": True}, POLICY_S)


def test_a_pod_that_starts_while_the_agent_is_down_has_no_network(network: Network, pods: dict[str, str]) -> None:
    node = network.workers[0]
    targets = {"same node": tcp(pods["a2"]), "other node": tcp(pods["b1"]), "API": tcp("10.96.0.1", 443, size=0)}
    try:
        with network.agent_halted(node):
            network.apply(pod("late", node))
            network.ready("late")  # its own node probes it
            unreachable = {"late": tcp(network.addresses()["late"])}
            assert network.ask("a2", unreachable) == {"late": False}, "same node"
            assert network.ask("b1", unreachable) == {"late": False}, "other node"
            assert network.ask("late", targets) == dict.fromkeys(targets, False)
            assert network.ask("b1", {"old": tcp(pods["a1"])}) == {"old": True}, "admitted pods keep their network"
        network.becomes("late", targets, dict.fromkeys(targets, True), POLICY_S)
        assert network.ask("b1", unreachable) == {"late": True}
    finally:
        network.kubectl("delete", "pod", "late", "--ignore-not-found")


def test_after_a_boot_no_pod_has_a_network_until_the_agent_comes(network: Network, pods: dict[str, str]) -> None:
    host = network.host(network.workers[0])
    assert "network-policy-base.service" in host.check_output("systemctl show -P Requires kubelet.service")
    targets = {"same node": tcp(pods["a2"]), "other node": tcp(pods["b1"])}
    with network.agent_halted(network.workers[0]):
        # As after a boot: no rules of the agent, and what runs before the kubelet runs.
        host.check_output(
            "nft delete table inet ai_infn_network_policy && /usr/local/libexec/ai-infn/network-policy-base"
        )
        assert network.ask("a1", targets) == dict.fromkeys(targets, False)
        assert network.ask("b1", {"a1": tcp(pods["a1"])}) == {"a1": False}
    network.becomes("a1", targets, dict.fromkeys(targets, True), 15)


def test_the_metadata_address_answers_the_host_and_never_a_pod(network: Network, pods: dict[str, str]) -> None:
    node = network.workers[0]
    host = network.host(node)
    host.check_output(f"ip address add {METADATA}/32 dev lo")
    try:
        host.check_output(
            f"systemd-run --quiet --unit=metadata-test python3 -m http.server 80 --bind {METADATA} --directory /mnt"
        )
        target = {"metadata": tcp(METADATA, 80, size=0)}
        eventually(
            lambda: network.ask_from_host(node, target) == {"metadata": True}, 10, "the listener answers the host"
        )
        everything = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}
        network.apply(policy("everything", everything))
        assert network.ask("a1", target) == {"metadata": False}
        assert network.ask("a2", target) == {"metadata": False}
        counter = "nft list counter inet ai_infn_network_policy blocked_destination"
        assert "packets 0" not in host.check_output(counter)
    finally:
        host.run("systemctl stop metadata-test")
        host.run(f"ip address del {METADATA}/32 dev lo")


def test_what_is_not_enforced_is_told_by_an_event_of_the_policy(network: Network, pods: dict[str, str]) -> None:
    spec = {"podSelector": app("a1"), "ingress": [{"from": [{"ipBlock": {"cidr": "fd00::/8"}}]}]}
    network.apply(policy("six", spec))

    def told() -> bool:
        events = json.loads(network.kubectl("get", "events", "-o", "json", "--field-selector", "reason=NotEnforced"))
        return any("IPv6 ipBlock fd00::/8" in event["message"] for event in events["items"])

    eventually(told, 10, "an event names the IPv6 block")
    assert network.ask("b1", {"a1": tcp(pods["a1"])}) == {"a1": False}, "and the rule allows nothing"


def test_ports_of_the_hosts_are_closed_to_non_members(network: Network) -> None:
    stranger = ["nsenter", f"--net=/run/netns/{NETNS}", sys.executable]
    for node, address in network.node_addresses.items():
        listening = network.host(node).check_output("ss --no-header --listening --tcp --numeric").splitlines()
        bound = [line.split()[3].rpartition(":") for line in listening]
        ports = {int(port) for where, _colon, port in bound if not where.startswith(("127.", "[::1]"))}
        assert {22, 10250} <= ports
        assert open_from(stranger, address, ports) == set(), f"{node}: a neighbour that is no member"
        allowed = {22, 6443} & ports
        assert open_from([sys.executable], address, ports) == allowed, f"{node}: an administrator"
    first, second = network.workers
    kubelet = {"kubelet": tcp(network.node_addresses[second], 10250, size=0)}
    assert network.ask_from_host(first, kubelet) == {"kubelet": True}, "a member"


def test_removing_the_vxlan_rule_of_the_security_group_breaks_pod_traffic(
    network: Network, pods: dict[str, str]
) -> None:
    cloud = network.lab.tenant.network
    rules = [
        rule
        for rule in cloud.security_group_rules(direction="ingress", protocol="udp")
        if rule.port_range_min == VXLAN_PORT
    ]
    assert rules, "the cloud layer opened VXLAN between hosts"
    other = {"other node": tcp(pods["b1"])}
    try:
        for rule in rules:
            cloud.delete_security_group_rule(rule)
        network.becomes("a1", other, {"other node": False}, 20)
        assert network.ask("a1", {"same node": tcp(pods["a2"])}) == {"same node": True}
    finally:
        for rule in rules:
            cloud.create_security_group_rule(
                security_group_id=rule.security_group_id,
                direction=rule.direction,
                ether_type=rule.ether_type,
                protocol=rule.protocol,
                port_range_min=rule.port_range_min,
                port_range_max=rule.port_range_max,
                remote_group_id=rule.remote_group_id,
                remote_ip_prefix=rule.remote_ip_prefix,
                description=rule.description,
            )
    network.becomes("a1", other, {"other node": True}, 30)
