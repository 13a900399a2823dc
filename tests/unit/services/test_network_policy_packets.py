"""The rendered rules, judged by packets between network namespaces."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fabric import METADATA, NODES, OUTSIDE, PODS, Fabric
from network_policy_agent.compiler import Cluster, compile_node
from network_policy_agent.objects import Pod
from network_policy_agent.render import TABLE, Options, render
from samples import Json, app, cluster, pod

ROOT = Path(__file__).resolve().parents[3]
OPTIONS = Options()
ETH_P_ALL = 0x0003
Enforce = Callable[..., None]


def all_pods() -> list[Pod]:
    """Return the four pods of the fabric; the b pods have a named port, each another number."""
    numbers = {"a1": 8001, "a2": 8002, "b1": 8001, "b2": 8002}
    return [
        pod(name, address, node=name[0], ports=[{"name": "web", "containerPort": numbers[name]}])
        for name, address in PODS.items()
    ]


@pytest.fixture
def enforce(fabric: Fabric) -> Iterator[Enforce]:
    """Return a function that enforces policies on both nodes."""

    def apply(*specs: Json, pods: list[Pod] | None = None) -> None:
        wanted: Cluster = cluster(all_pods() if pods is None else pods, list(specs))
        for node in NODES:
            fabric.run(node, "nft", "-f", "-", text=render(compile_node(wanted, node), OPTIONS))

    apply()
    yield apply
    for node in NODES:
        fabric.run(node, "nft", "flush", "ruleset")


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


@pytest.mark.parametrize(("client", "server"), [("a2", "a1"), ("b1", "a1"), ("a1", "b1")])
def test_a_new_policy_cuts_an_established_connection(
    fabric: Fabric, enforce: Enforce, client: str, server: str
) -> None:
    with fabric.serving(server, 80), fabric.open(client) as connection:
        connection.connect((PODS[server], 80))
        assert connection.recv(5) == b"hello"
        connection.sendall(b"one")
        assert connection.recv(3) == b"one"
        enforce({"podSelector": app("a1"), "policyTypes": ["Ingress", "Egress"]})
        connection.sendall(b"two")
        with pytest.raises(TimeoutError):
            connection.recv(3)
        enforce()
        connection.settimeout(5)
        assert connection.recv(3) == b"two", "once allowed again, TCP repairs the loss"


def test_answers_that_keep_flowing_are_cut_too(fabric: Fabric, enforce: Enforce) -> None:
    with fabric.open("b1", socket.SOCK_DGRAM) as client, fabric.open("a1", socket.SOCK_DGRAM) as server:
        server.bind(("", 4000))
        client.sendto(b"start", (PODS["a1"], 4000))
        _data, peer = server.recvfrom(16)
        server.sendto(b"1", peer)
        assert client.recvfrom(16)[0] == b"1"
        enforce({"podSelector": app("a1"), "policyTypes": ["Ingress"]})
        server.sendto(b"2", peer)
        with pytest.raises(TimeoutError):
            client.recvfrom(16)


def test_a_connection_that_is_still_allowed_outlives_changes(fabric: Fabric, enforce: Enforce) -> None:
    allowed = {"podSelector": app("a1"), "ingress": [{"from": [{"podSelector": app("b1")}], "ports": [{"port": 80}]}]}
    with fabric.serving("a1", 80), fabric.open("b1") as connection:
        connection.connect((PODS["a1"], 80))
        assert connection.recv(5) == b"hello"
        for text in (b"one", b"two"):
            enforce(allowed, {"podSelector": {}, "policyTypes": ["Ingress"]})
            connection.sendall(text)
            assert connection.recv(3) == text


def test_an_address_that_is_not_admitted_reaches_nobody_but_its_node_reaches_it(
    fabric: Fabric, enforce: Enforce
) -> None:
    enforce(pods=[one for one in all_pods() if one.name != "a1"])
    with fabric.serving("a1", 80), fabric.serving("a2", 80), fabric.serving("out", 80), fabric.serving("a", 80):
        closed = [
            ("a1", PODS["a2"], 80),
            ("a1", OUTSIDE, 80),
            ("a1", NODES["a"][0], 80),
            ("a2", PODS["a1"], 80),
            ("b1", PODS["a1"], 80),
        ]
        assert fabric.refused(*closed) == closed
        assert fabric.connects("a", PODS["a1"], 80)


def test_the_base_rules_close_every_pod_until_the_agent_comes(fabric: Fabric, enforce: Enforce) -> None:
    for node in NODES:
        fabric.run(node, "nft", "flush", "ruleset")
        fabric.run(node, "nft", "-f", "-", text=base_rules())
    with fabric.serving("a1", 80), fabric.serving("out", 80), fabric.serving("a", 80):
        closed = [
            ("a2", PODS["a1"], 80),
            ("b1", PODS["a1"], 80),
            ("a1", OUTSIDE, 80),
            ("a1", NODES["a"][0], 80),
        ]
        assert fabric.refused(*closed) == closed
        assert fabric.connects("a", PODS["a1"], 80), "the kubelet's probes work before"
        assert fabric.connects("a", OUTSIDE, 80), "the node itself is free"
        enforce()
        assert fabric.connects("a2", PODS["a1"], 80)


def base_rules() -> str:
    """Return the role's base rules with the default options."""
    template = (ROOT / "roles/network_policy_agent/templates/base.nft.j2").read_text(encoding="utf-8")
    jinja2 = pytest.importorskip("jinja2")
    return str(jinja2.Template(template).render(ansible_managed="test", network_policy_agent_interfaces=["cni0"]))


def test_the_metadata_address_answers_the_node_and_never_a_pod(fabric: Fabric, enforce: Enforce) -> None:
    enforce({"podSelector": app("a1"), "egress": [{}], "policyTypes": ["Egress"]})
    with fabric.serving("a", 80):
        assert fabric.connects("a", METADATA, 80)
        closed = [
            ("a1", METADATA, 80),  # allowed all egress, and yet
            ("a2", METADATA, 80),  # without a policy
        ]
        assert fabric.refused(*closed) == closed


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


def test_ipv6_between_pods_of_a_node_is_no_way_around(fabric: Fabric, enforce: Enforce) -> None:
    for name, address in (("a1", "fd00::1"), ("a2", "fd00::2")):
        fabric.run(name, "ip", "address", "replace", f"{address}/64", "dev", "eth0", "nodad")
    enforce({"podSelector": {}})
    with (
        fabric.serving("a1", 80, host="::"),
        fabric.open("a2", family=socket.AF_INET6) as client,
        pytest.raises(OSError),
    ):
        client.connect(("fd00::1", 80))


def test_frames_with_a_vlan_tag_are_no_way_around(fabric: Fabric, enforce: Enforce) -> None:
    assert not tagged_frame_arrives(fabric, "a1", "a2")
    fabric.run("a", "nft", "delete", "table", "bridge", TABLE)
    assert tagged_frame_arrives(fabric, "a1", "a2"), "the test tests something"


def tagged_frame_arrives(fabric: Fabric, sender: str, receiver: str) -> bool:
    """Send a broadcast frame in VLAN 7 that carries IPv4, and tell whether the other pod gets it."""
    marker = b"frame with a tag" * 4
    frame = b"\xff" * 6 + bytes.fromhex("020000000001810000070800") + marker
    kind, family = socket.SOCK_RAW, socket.AF_PACKET
    with fabric.open(sender, kind, family) as output, fabric.open(receiver, kind, family) as heard:
        heard.bind(("eth0", ETH_P_ALL))
        output.bind(("eth0", 0))
        output.send(frame)
        with contextlib.suppress(TimeoutError):
            while marker not in heard.recv(2048):
                continue
            return True
    return False


def linked_pods() -> list[Pod]:
    """Return the four pods with the links that the plugin would name."""
    return [replace(one, link=f"veth{one.name}") for one in all_pods()]


def test_pods_with_known_links_have_their_network(fabric: Fabric, enforce: Enforce) -> None:
    enforce({"podSelector": app("a1"), "ingress": [{"from": [{"podSelector": {}}]}]}, pods=linked_pods())
    with fabric.serving("a1", 80), fabric.serving("a", 80):
        assert fabric.connects("a2", PODS["a1"], 80)
        assert fabric.connects("b1", PODS["a1"], 80)
        assert fabric.connects("a", PODS["a1"], 80)
        assert fabric.connects("a1", NODES["a"][0], 80)


@pytest.mark.parametrize("links", [linked_pods, lambda: [one for one in linked_pods() if one.name != "a2"]])
def test_nobody_borrows_the_address_of_another_pod(
    fabric: Fabric, enforce: Enforce, links: Callable[[], list[Pod]]
) -> None:
    fabric.run("a2", "ip", "address", "add", f"{PODS['a1']}/32", "dev", "eth0")
    try:
        assert borrowed_address_arrives(fabric), "without known links the test tests something"
        enforce(pods=links())
        assert not borrowed_address_arrives(fabric)
    finally:
        fabric.run("a2", "ip", "address", "del", f"{PODS['a1']}/32", "dev", "eth0")


def borrowed_address_arrives(fabric: Fabric) -> bool:
    """Let a2 send in the name of a1 to b1, and tell whether it gets there."""
    with fabric.open("a2", socket.SOCK_DGRAM) as client, fabric.open("b1", socket.SOCK_DGRAM) as server:
        server.bind(("", 4000))
        client.bind((PODS["a1"], 0))
        client.sendto(b"hello", (PODS["b1"], 4000))
        with contextlib.suppress(TimeoutError):
            return server.recvfrom(16)[1][0] == PODS["a1"]
    return False


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
