"""Security groups become nftables rules."""

from __future__ import annotations

import subprocess

import pytest

from lab.drivers.network import rules
from lab.drivers.network.desired import Desired, Port, Rule

MAC = "fa:16:3e:00:00:05"


def site(*rule_list: Rule, secured: bool = True) -> Desired:
    """A port in group `hosts` with a neighbour in the same group and one in none."""
    return Desired(
        groups={"hosts": rule_list},
        ports={
            "mine": Port(MAC, "net", ("10.64.0.5",), groups=("hosts",), secured=secured),
            "neighbour": Port("fa:16:3e:00:00:06", "net", ("10.64.0.6", "10.64.0.7"), groups=("hosts",)),
            "stranger": Port("fa:16:3e:00:00:09", "net", ("10.64.0.9",)),
        },
    )


def compiled(*rule_list: Rule) -> str:
    """The script of the port `mine`."""
    return rules.compile_policy(rules.policy(site(*rule_list), "mine", MAC), "eth0")


def test_a_rule_for_a_remote_group_names_the_addresses_of_its_members() -> None:
    text = compiled(Rule("ingress", 4, "udp", 8472, 8472, group="hosts"))
    assert "meta nfproto ipv4 ip saddr { 10.64.0.5/32, 10.64.0.6/31 } meta l4proto 17 th dport 8472-8472 accept" in text


def test_a_rule_for_a_group_without_members_opens_nothing() -> None:
    assert rules.policy(site(Rule("ingress", 4, "tcp", 1, 2, group="empty")), "mine", MAC).openings == ()


def test_a_rule_for_the_whole_world_has_no_address_match() -> None:
    text = compiled(Rule("egress", 4, cidr="0.0.0.0/0"))
    assert "    meta nfproto ipv4 accept" in text


def test_icmp_type_and_code_come_from_the_port_fields() -> None:
    text = compiled(Rule("ingress", 4, "icmp", 8, 0, cidr="10.0.0.0/8"))
    assert "ip saddr { 10.0.0.0/8 } meta l4proto 1 icmp type 8 icmp code 0 accept" in text


def test_a_rule_with_one_port_opens_that_port_only() -> None:
    assert "th dport 22-22 accept" in compiled(Rule("ingress", 4, "tcp", 22, None))


def test_a_port_that_neutron_does_not_know_is_closed() -> None:
    policy = rules.policy(Desired(), "unknown", MAC)
    text = rules.compile_policy(policy, "eth0")
    assert policy.openings == ()
    assert text.count("counter drop") == 3


def test_without_port_security_the_tables_are_only_deleted() -> None:
    text = rules.compile_policy(rules.policy(site(secured=False), "mine", MAC), "eth0")
    assert "chain" not in text


def test_allowed_address_pairs_may_be_used_beside_the_own_address() -> None:
    pairs = (("10.64.0.100", MAC), ("10.64.0.101", "fa:16:3e:00:00:77"))
    text = rules.compile_policy(rules.Policy(MAC, ("10.64.0.5",), pairs), "eth0")
    assert f"ether saddr {MAC} ip saddr {{ 10.64.0.5/32, 10.64.0.100/32 }} accept" in text
    assert "ether saddr fa:16:3e:00:00:77 ip saddr { 10.64.0.101/32 } accept" in text


def test_overlapping_networks_are_merged() -> None:
    assert rules.collapse(["10.0.0.0/8", "10.1.0.0/16", "192.0.2.1"]) == ["10.0.0.0/8", "192.0.2.1/32"]


@pytest.mark.parametrize(("name", "family", "number"), [("tcp", 4, 6), ("icmp", 6, 58), ("89", 4, 89), (None, 4, None)])
def test_protocols_are_understood_by_name_and_by_number(name: str | None, family: int, number: int | None) -> None:
    assert rules.protocol_number(name, family) == number


def test_link_local_addresses_follow_from_the_hardware_address() -> None:
    assert rules.link_local(MAC) == "fe80::f816:3eff:fe00:5"


def test_nft_itself_accepts_every_kind_of_rule(host_packages: None) -> None:
    text = compiled(
        Rule("ingress", 4, "tcp", 22, 22, cidr="0.0.0.0/0"),
        Rule("ingress", 4, "icmp", 8, 0),
        Rule("ingress", 6, "icmp", 128, None, cidr="2001:db8::/32"),
        Rule("ingress", 4, "sctp", 1, 100, group="hosts"),
        Rule("ingress", 4, "vrrp"),
        Rule("egress", 4),
        Rule("egress", 6),
    )
    command = ["unshare", "--net", "sh", "-c", "ip link add eth0 type veth && nft -f -"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if "Operation not permitted" in done.stderr:
        pytest.skip("needs root")
    assert done.returncode == 0, done.stderr + text
