"""Connections that no rule admits any more are found in the kernel's listing."""

from __future__ import annotations

import pytest

from lab.drivers.network import flows
from lab.drivers.network.rules import Opening, Policy

MAC = "fa:16:3e:00:00:05"
OWN = "10.64.0.5"
SSH = (
    "tcp      6 431990 ESTABLISHED src=198.51.100.254 dst=10.64.0.5 sport=40000 dport=22 "
    "src=10.64.0.5 dst=198.51.100.254 sport=22 dport=40000 [ASSURED] mark=0 use=1"
)
POD_OUTWARD = (
    "tcp      6 100 ESTABLISHED src=10.244.1.7 dst=10.96.0.1 sport=5000 dport=443 "
    "src=10.64.0.10 dst=10.64.0.5 sport=6443 dport=5000 [ASSURED] mark=0 use=1"
)
VXLAN = (
    "udp      17 29 src=10.64.0.6 dst=10.64.0.5 sport=51000 dport=8472 [UNREPLIED] "
    "src=10.64.0.5 dst=10.64.0.6 sport=8472 dport=51000 mark=0 use=1"
)
PING = (
    "icmp     1 29 src=10.64.0.9 dst=10.64.0.5 type=8 code=0 id=7 src=10.64.0.5 dst=10.64.0.9 type=0 code=0 id=7 "
    "mark=0 use=1"
)
LOCAL = (
    "tcp      6 10 TIME_WAIT src=127.0.0.1 dst=127.0.0.1 sport=1 dport=2 "
    "src=127.0.0.1 dst=127.0.0.1 sport=2 dport=1 use=1"
)
HAIRPIN = (
    "tcp      6 10 ESTABLISHED src=10.64.0.5 dst=10.64.0.5 sport=1 dport=2 "
    "src=10.64.0.5 dst=10.64.0.5 sport=2 dport=1 use=1"
)
EVERYTHING = "\n".join([SSH, POD_OUTWARD, VXLAN, PING, LOCAL, HAIRPIN])


def policy(*openings: Opening) -> Policy:
    """The policy of the port under test."""
    return Policy(MAC, (OWN,), openings=openings)


def test_translated_connections_are_seen_as_they_are_on_the_wire() -> None:
    (flow,) = flows.parse(POD_OUTWARD, [OWN])
    assert (flow.direction, flow.remote, flow.port) == ("egress", "10.64.0.10", 6443)


def test_connections_inside_the_guest_are_nobodys_business() -> None:
    assert list(flows.parse("\n".join([LOCAL, HAIRPIN]), [OWN])) == []


def test_without_rules_every_connection_ends() -> None:
    assert len(flows.condemned(policy(), EVERYTHING)) == 4


@pytest.mark.parametrize(
    ("opening", "kept"),
    [
        (Opening("ingress", 4, 6, 22, 22), "198.51.100.254"),
        (Opening("ingress", 4, 17, 8472, 8472, ("10.64.0.6",)), "10.64.0.6"),
        (Opening("egress", 4), "10.64.0.10"),
        (Opening("ingress", 4, 1, 8, 0), "10.64.0.9"),
    ],
)
def test_a_rule_keeps_exactly_the_connection_that_it_admits(opening: Opening, kept: str) -> None:
    remotes = {flow.remote for flow in flows.parse(EVERYTHING, [OWN])}
    ended = {flow.remote for flow in flows.condemned(policy(opening), EVERYTHING)}
    assert ended == remotes - {kept}


def test_a_connection_is_deleted_by_its_own_addresses_and_ports() -> None:
    (flow,) = flows.parse(SSH, [OWN])
    assert flow.deletion == (
        "conntrack", "--delete", "--proto", "tcp", "--orig-src", "198.51.100.254", "--orig-dst", "10.64.0.5",
        "--sport", "40000", "--dport", "22",
    )  # fmt: skip


def test_without_port_security_nothing_is_ended() -> None:
    assert flows.condemned(Policy(MAC, (OWN,), secured=False), EVERYTHING) == []


def test_connections_of_the_guests_own_pods_do_not_pass_the_port() -> None:
    pod = SSH.replace("198.51.100.254", "10.244.0.7")
    assert len(flows.condemned(policy(), pod)) == 1
    assert flows.condemned(policy(), pod, ["10.244.0.0/24"]) == []
