"""From neutron's dictionaries to the document, to the fabric."""

from __future__ import annotations

from pathlib import Path

from lab.drivers.network import desired, router
from lab.drivers.neutron import gather

TENANT = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
SITE = gather.gather(
    networks=[
        {"id": TENANT, "mtu": 1450, "router:external": False},
        {"id": "outside", "mtu": 1500, "router:external": True},
    ],
    subnets=[{"id": "s1", "cidr": "10.64.0.0/24"}],
    ports=[
        {
            "id": "p1", "mac_address": "fa:16:3e:00:00:05", "network_id": TENANT, "device_owner": "compute:nova",
            "device_id": "x", "fixed_ips": [{"ip_address": "10.64.0.5", "subnet_id": "s1"}], "security_groups": ["g1"],
            "allowed_address_pairs": [{"ip_address": "10.64.0.100", "mac_address": "fa:16:3e:00:00:05"}],
            "port_security_enabled": True,
        },
        {
            "id": "p2", "mac_address": "fa:16:3e:00:00:01", "network_id": TENANT,
            "device_owner": "network:router_interface", "device_id": "r1",
            "fixed_ips": [{"ip_address": "10.64.0.1", "subnet_id": "s1"}], "security_groups": [],
        },
    ],
    groups=[
        {
            "id": "g1",
            "security_group_rules": [
                {
                    "id": "1", "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_range_min": 22,
                    "port_range_max": 22, "remote_ip_prefix": None, "remote_group_id": "g1",
                }
            ],
        }
    ],
    routers=[
        {
            "id": "r1",
            "external_gateway_info": {"enable_snat": True, "external_fixed_ips": [{"ip_address": "198.51.100.101"}]},
        }
    ],
    floating=[
        {"floating_ip_address": "198.51.100.110", "fixed_ip_address": "10.64.0.5"},
        {"floating_ip_address": "198.51.100.111", "fixed_ip_address": None},
    ],
)  # fmt: skip


def test_the_document_survives_writing_and_reading(tmp_path: Path) -> None:
    file = tmp_path / "desired.json"
    assert desired.write(desired.encode(SITE), file)
    assert desired.read(file) == SITE


def test_an_unchanged_document_is_not_written_again(tmp_path: Path) -> None:
    desired.write(desired.encode(SITE), tmp_path / "desired.json")
    assert not desired.write(desired.encode(SITE), tmp_path / "desired.json")


def test_a_document_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert desired.read(tmp_path / "desired.json") is None


def test_members_of_a_group_are_known_by_all_addresses_they_may_use() -> None:
    assert SITE.members("g1") == ("10.64.0.100", "10.64.0.5")


def test_the_router_puts_the_gateway_on_the_bridge_and_its_outer_addresses_on_the_link() -> None:
    fabric = router.compile_fabric(SITE)
    assert fabric.bridges == {"br-aaaaaaaa-bb": 1450}
    assert fabric.addresses == {
        "br-aaaaaaaa-bb": ("10.64.0.1/24",),
        "ext0": ("198.51.100.101/32", "198.51.100.110/32"),
    }


def test_floating_addresses_are_translated_both_ways() -> None:
    table = router.compile_fabric(SITE).table
    assert "ip daddr 198.51.100.110 dnat to 10.64.0.5" in table
    assert 'oifname "ext0" ip saddr 10.64.0.5 snat to 198.51.100.110' in table
    assert "198.51.100.111" not in table


def test_networks_without_a_common_router_do_not_reach_each_other() -> None:
    table = router.compile_fabric(desired.Desired(networks={TENANT: 1450, "other": 1450})).table
    assert "policy drop" in table
    assert "br-" not in table
