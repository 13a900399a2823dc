"""Hosts get the addresses of the site's own servers, and of no other."""

from __future__ import annotations

from typing import Any

from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.live import host_variables

from tests.unit.openstack.answers import SITE_MARK, server


def address(text: str, kind: str = "fixed", version: int = 4) -> dict[str, Any]:
    return {"addr": text, "OS-EXT-IPS:type": kind, "version": version}


def floating(description: str, port: str | None = "o-a") -> dict[str, Any]:
    return {"floating_ip_address": "203.0.113.100", "port_id": port, "description": description}


def found(*addresses: dict[str, Any], floating_ips: Any = (), **more: Any) -> dict[str, dict[str, str]]:
    return host_variables([server("a", addresses={"lab": list(addresses)}, **more)], floating_ips, "lab")


def test_a_host_is_reached_at_its_fixed_address() -> None:
    assert found(address("fd00::1", version=6), address("10.64.0.5")) == {
        "a": {"ansible_host": "10.64.0.5", "openstack_server_id": "v-a", "openstack_server_address": "10.64.0.5"}
    }


def test_servers_on_one_hypervisor_have_its_id() -> None:
    assert found(address("10.64.0.5"), hostId="5e6f")["a"]["openstack_server_host_id"] == "5e6f"
    for unknown in ("", None, "{{ lookup('pipe', 'id') }}"):
        assert "openstack_server_host_id" not in found(address("10.64.0.5"), hostId=unknown)["a"]


def test_a_floating_ip_is_preferred_before_nova_knows_of_it() -> None:
    variables = found(address("10.64.0.5"), floating_ips=[floating(f"{SITE_MARK}: a")])["a"]
    assert (variables["ansible_host"], variables["openstack_server_address"]) == ("203.0.113.100", "10.64.0.5")


def test_a_floating_ip_that_is_not_this_hosts_or_points_nowhere_is_not_used() -> None:
    for other in (floating(f"{SITE_MARK}: b"), floating("mine"), floating(f"{SITE_MARK}: a", port=None)):
        assert found(address("10.64.0.5"), floating_ips=[other])["a"]["ansible_host"] == "10.64.0.5"


def test_servers_of_others_broken_ones_and_those_without_address_are_left_out() -> None:
    assert found(address("10.64.0.5"), metadata={}) == {}
    assert found(address("10.64.0.5"), metadata={"ai_infn_site": "other"}) == {}
    assert found(address("10.64.0.5"), status="ERROR") == {}
    assert found(address("203.0.113.100", "floating")) == {}
    assert found() == {}


def test_an_empty_cloud_gives_nothing() -> None:
    assert host_variables([], [], "lab") == {}
