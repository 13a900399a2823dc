"""Hosts get the addresses of the site's own servers, and of no other."""

from __future__ import annotations

from typing import Any

from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.live import host_variables

from tests.unit.openstack.answers import server


def address(text: str, kind: str = "fixed", version: int = 4) -> dict[str, Any]:
    return {"addr": text, "OS-EXT-IPS:type": kind, "version": version}


def found(*addresses: dict[str, Any], **more: Any) -> dict[str, dict[str, str]]:
    return host_variables([server("a", addresses={"lab": list(addresses)}, **more)], "lab")


def test_a_host_is_reached_at_its_fixed_address() -> None:
    assert found(address("fd00::1", version=6), address("10.64.0.5")) == {
        "a": {"ansible_host": "10.64.0.5", "openstack_server_id": "v-a", "openstack_server_address": "10.64.0.5"}
    }


def test_a_floating_ip_is_preferred() -> None:
    variables = found(address("10.64.0.5"), address("203.0.113.100", "floating"))["a"]
    assert (variables["ansible_host"], variables["openstack_server_address"]) == ("203.0.113.100", "10.64.0.5")


def test_servers_of_others_broken_ones_and_those_without_address_are_left_out() -> None:
    assert found(address("10.64.0.5"), metadata={}) == {}
    assert found(address("10.64.0.5"), metadata={"ai_infn_site": "other"}) == {}
    assert found(address("10.64.0.5"), status="ERROR") == {}
    assert found() == {}


def test_an_empty_cloud_gives_nothing() -> None:
    assert host_variables([], "lab") == {}
