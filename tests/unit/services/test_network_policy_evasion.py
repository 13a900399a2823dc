"""No way around the policies: pods that are not admitted, other addresses, other protocols; judged by packets."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from enforcement import Enforce, all_pods, linked_pods
from fabric import METADATA, NODES, OUTSIDE, PODS, Fabric
from network_policy_agent.objects import Pod
from network_policy_agent.render import TABLE
from samples import app

ROOT = Path(__file__).resolve().parents[3]
ETH_P_ALL = 0x0003


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
