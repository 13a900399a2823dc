"""What a site wants follows from its inventory, and contradictions in it are all named."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.model import EGRESS, InputError, Rule

from tests.unit.openstack.answers import host, options, site


def rules(*entries: dict[str, Any], **more: Any) -> frozenset[Rule]:
    groups = {**options()["security_groups"], "api": {"members": ["all"], "rules": list(entries)}}
    wanted = site(security_groups=groups, **more)
    found = next(group for group in wanted.security_groups if group.name == "lab-api")
    return found.rules - set(EGRESS)


def problems(**more: Any) -> str:
    with pytest.raises(InputError) as caught:
        site(**more)
    return str(caught.value)


def test_a_host_is_in_the_security_groups_of_its_inventory_groups() -> None:
    wanted = site(hosts=[host("b", groups=["bastion"]), host("w")])
    assert [h.security_groups for h in wanted.hosts] == [("lab-bastion", "lab-host"), ("lab-host",)]


def test_a_security_group_without_members_is_not_made_and_opens_nothing() -> None:
    assert [group.name for group in site().security_groups] == ["lab-host"]
    assert rules({"protocol": "tcp", "port_min": 22, "from": "bastion"}) == frozenset()


def test_port_max_defaults_to_port_min() -> None:
    assert rules({"protocol": "tcp", "port_min": 6443, "from": "host"}) == {
        Rule("ingress", "IPv4", "tcp", 6443, 6443, group="lab-host")
    }


def test_admin_means_every_admin_network() -> None:
    found = rules({"protocol": "icmp", "from": "admin"}, admin_cidrs=["192.0.2.0/24", "2001:db8::/64"])
    assert found == {
        Rule("ingress", "IPv4", "icmp", cidr="192.0.2.0/24"),
        Rule("ingress", "IPv6", "ipv6-icmp", cidr="2001:db8::/64"),
    }


def test_anywhere_is_a_rule_without_a_peer() -> None:
    assert rules({"protocol": "any", "from": "0.0.0.0/0"}) == {Rule("ingress", "IPv4")}


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"protocol": "sctp", "from": "host"}, "protocol is sctp"),
        ({"protocol": "tcp", "from": "host"}, "ports 0-0"),
        ({"protocol": "tcp", "port_min": 9, "port_max": 8, "from": "host"}, "ports 9-8"),
        ({"protocol": "udp", "port_min": 70000, "from": "host"}, "ports 70000-70000"),
        ({"protocol": "tcp", "port_min": 22, "from": "nobody"}, "from: nobody"),
        ({"protocol": "tcp", "port_min": 22}, "from: nothing"),
        ({"protocol": "tcp", "port_min": 22, "from": "10.0.0.1/8"}, "from: 10.0.0.1/8"),
    ],
)
def test_a_rule_that_makes_no_sense_is_named(entry: dict[str, Any], complaint: str) -> None:
    groups = {"api": {"members": ["all"], "rules": [entry]}}
    assert complaint in problems(security_groups=groups)
    assert "security group api, rule 1" in problems(security_groups=groups)


def test_a_wrong_admin_network_is_named() -> None:
    assert "openstack_admin_cidrs: home" in problems(admin_cidrs=["home"])


def test_every_problem_is_reported_at_once() -> None:
    text = problems(
        network={"name": "lab", "cidr": "10.64.0.1/24"},
        hosts=[host("a", image=""), host("b", volumes=[{"name": "d", "size": 0}, {"name": "d", "size": 1}])],
    )
    for part in ("openstack_network_cidr", "a: a flavor is declared but no image", "two volumes are named d", "size 0"):
        assert part in text


def test_a_network_needs_a_range_unless_it_is_given() -> None:
    assert "openstack_network_cidr" in problems(network={"name": "lab"})
    assert not site(network={"name": "given", "existing": True}).network.has_router


def test_a_server_group_spreads_softly_unless_a_policy_is_declared() -> None:
    hosts = [host("a", server_group="x"), host("b", server_group="control-plane")]
    wanted = site(hosts=hosts, server_group_policies={"control-plane": "anti-affinity"})
    assert wanted.server_groups == {"lab-x": "soft-anti-affinity", "lab-control-plane": "anti-affinity"}
