"""What policies allow and deny, judged by packets between network namespaces."""

from __future__ import annotations

import contextlib
import socket
import time

from enforcement import OPTIONS, Enforce
from fabric import NODES, OUTSIDE, PODS, Fabric
from network_policy_agent.compiler import compile_node
from network_policy_agent.render import render
from samples import app, cluster, pod


def test_without_policies_everybody_talks_to_everybody(fabric: Fabric, enforce: Enforce) -> None:
    with fabric.serving("a1", 80), fabric.serving("b1", 80), fabric.serving("out", 80), fabric.serving("a", 80):
        assert fabric.connects("a2", PODS["a1"], 80), "same node"
        assert fabric.connects("b2", PODS["a1"], 80), "other node"
        assert fabric.connects("a1", PODS["b1"], 80), "other node, other way"
        assert fabric.connects("out", PODS["a1"], 80), "from outside"
        assert fabric.connects("a1", OUTSIDE, 80), "to outside"
        assert fabric.connects("a1", NODES["a"][0], 80), "to its node"
        assert fabric.connects("a", PODS["a1"], 80), "from its node"


def test_default_deny_of_ingress_leaves_only_the_own_node(fabric: Fabric, enforce: Enforce) -> None:
    enforce({"podSelector": app("a1")})
    with fabric.serving("a1", 80), fabric.serving("a1", 80, socket.SOCK_DGRAM):
        closed = [
            ("a2", PODS["a1"], 80),
            ("b2", PODS["a1"], 80),
            ("out", PODS["a1"], 80),
        ]
        assert fabric.refused(*closed) == closed
        assert not fabric.answers("a2", PODS["a1"], 80)
        assert not fabric.answers("b2", PODS["a1"], 80)
        assert fabric.connects("a", PODS["a1"], 80), "the kubelet probes from the node"
        assert fabric.connects("a1", PODS["a1"], 80), "a pod always reaches itself"


def test_default_deny_of_egress_closes_pods_nodes_and_the_world(fabric: Fabric, enforce: Enforce) -> None:
    enforce({"podSelector": app("a1"), "policyTypes": ["Egress"]})
    with fabric.serving("a2", 80), fabric.serving("b1", 80), fabric.serving("out", 80), fabric.serving("a", 80):
        closed = [
            ("a1", PODS["a2"], 80),
            ("a1", PODS["b1"], 80),
            ("a1", OUTSIDE, 80),
            ("a1", NODES["a"][0], 80),  # its own node
            ("a1", NODES["a"][1], 80),  # its own gateway
            ("a1", NODES["b"][0], 80),  # another node
        ]
        assert fabric.refused(*closed) == closed
    with fabric.serving("a1", 80):
        assert fabric.connects("b1", PODS["a1"], 80), "answers go out"
        assert fabric.connects("a2", PODS["a1"], 80), "answers go out"


def test_selected_pods_come_in_on_the_same_and_on_another_node(fabric: Fabric, enforce: Enforce) -> None:
    enforce({"podSelector": app("a1"), "ingress": [{"from": [{"podSelector": app("a2")}, {"podSelector": app("b2")}]}]})
    with fabric.serving("a1", 80):
        assert fabric.connects("a2", PODS["a1"], 80)
        assert fabric.connects("b2", PODS["a1"], 80)
        assert not fabric.connects("b1", PODS["a1"], 80)


def test_ip_blocks_let_in_all_but_their_exceptions(fabric: Fabric, enforce: Enforce) -> None:
    block = {"cidr": "10.244.0.0/16", "except": ["10.244.2.0/28"]}
    enforce({"podSelector": app("a1"), "ingress": [{"from": [{"ipBlock": block}]}]})
    with fabric.serving("a1", 80):
        assert fabric.connects("a2", PODS["a1"], 80)
        closed = [
            ("b1", PODS["a1"], 80),  # 10.244.2.11 is excepted
            ("out", PODS["a1"], 80),
        ]
        assert fabric.refused(*closed) == closed


def test_ports_ranges_and_protocols_are_told_apart(fabric: Fabric, enforce: Enforce) -> None:
    ports = [{"port": 80}, {"port": 90, "endPort": 95}, {"port": 53, "protocol": "UDP"}]
    enforce({"podSelector": app("a1"), "ingress": [{"ports": ports}]})
    open_ports, closed_ports = (80, 90, 95), (53, 81, 89, 96)
    with contextlib.ExitStack() as servers:
        for port in (*open_ports, *closed_ports):
            servers.enter_context(fabric.serving("a1", port))
        attempts = [("b1", PODS["a1"], port) for port in (*open_ports, *closed_ports)]
        assert [port for _client, _address, port in fabric.refused(*attempts)] == list(closed_ports)
    for port, expected in ((53, True), (80, False)):
        with fabric.serving("a1", port, socket.SOCK_DGRAM):
            assert fabric.answers("b1", PODS["a1"], port) is expected, f"UDP {port}"


def test_a_named_port_is_the_number_that_each_pod_gives_it(fabric: Fabric, enforce: Enforce) -> None:
    enforce(
        {"podSelector": {}, "ingress": [{"ports": [{"port": "web"}]}]},
        {
            "podSelector": app("a1"),
            "egress": [{"to": [{"podSelector": {}}], "ports": [{"port": "web"}]}],
            "policyTypes": ["Egress"],
        },
    )
    with fabric.serving("b1", 8001), fabric.serving("b1", 8002), fabric.serving("b2", 8001), fabric.serving("b2", 8002):
        assert fabric.connects("a1", PODS["b1"], 8001)
        assert not fabric.connects("a1", PODS["b1"], 8002)
        assert fabric.connects("a1", PODS["b2"], 8002)
        assert not fabric.connects("a1", PODS["b2"], 8001)
        assert fabric.connects("a2", PODS["b2"], 8002)
        assert not fabric.connects("a2", PODS["b2"], 8001), "ingress alone closes it too"


def test_behind_a_service_the_rules_see_the_pod(fabric: Fabric, enforce: Enforce) -> None:
    service = "10.96.0.10"
    nat = (
        "table ip service { chain prerouting { type nat hook prerouting priority dstnat;\n"
        f"ip daddr {service} tcp dport 443 dnat to {PODS['a1']}:80\n"
        "}\n}\n"
    )
    enforce({"podSelector": app("a1"), "ingress": [{"from": [{"podSelector": app("a2")}], "ports": [{"port": 80}]}]})
    fabric.run("a", "nft", "-f", "-", text=nat)
    fabric.run("b", "nft", "-f", "-", text=nat)
    with fabric.serving("a1", 80):
        assert fabric.connects("a2", service, 443), "same node through the service"
        assert not fabric.connects("b1", service, 443), "other node through the service"


def test_a_thousand_pods_and_a_hundred_policies_are_compiled_within_a_second(fabric: Fabric, enforce: Enforce) -> None:
    many = [
        pod(f"p{number}", f"10.244.{number // 250}.{number % 250 + 2}", node="a" if number < 250 else "b")
        for number in range(1000)
    ]
    specs = [
        {
            "podSelector": app(f"p{number}"),
            "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": number + 1}]}],
        }
        for number in range(100)
    ]
    started = time.monotonic()
    text = render(compile_node(cluster(many, specs), "a"), OPTIONS)
    compiled = time.monotonic()
    fabric.run("a", "nft", "-f", "-", text=text)
    applied = time.monotonic()
    assert compiled - started < 1, f"compiled in {compiled - started:.2f} s"
    assert applied - compiled < 2, f"applied in {applied - compiled:.2f} s"
