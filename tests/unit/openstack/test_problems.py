"""Whatever contradicts the project is found before the first change, with value found, value needed and remedy."""

from __future__ import annotations

from typing import Any

from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.cloud import Cloud
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.run import inspect

from tests.unit.openstack.answers import PROJECT, empty_cloud, finished_cloud, host, image, server, site, volume

EXTERNAL = {"name": "lab", "cidr": "10.64.0.0/24", "external": "external"}


def found(cloud: Cloud | None = None, others: dict[str, str] | None = None, **more: Any) -> str:
    return "\n".join(inspect(site(**more), cloud or empty_cloud(), others)[0])


def test_a_site_that_fits_has_no_problems() -> None:
    assert found() == "" and found(finished_cloud()) == ""


def test_every_problem_has_a_remedy() -> None:
    hosts = [host("a", flavor="huge", fixed_ip="10.0.0.1"), host("b", image="none")]
    lines = found(hosts=hosts, network={**EXTERNAL, "external": "internet"}).splitlines()
    assert len(lines) == 4 and all("Remedy:" in line for line in lines)


def test_an_unknown_flavor_is_named_with_its_hosts_and_the_known_ones() -> None:
    text = found(hosts=[host("a", flavor="huge"), host("b", flavor="huge")])
    assert "a, b: the cloud has no flavor huge. It has: m1.medium." in text


def test_an_unknown_image_is_named() -> None:
    assert "no active image debian-99" in found(hosts=[host("a", image="debian-99")])
    cloud = empty_cloud()
    cloud.images = [image("i", "2026-01-01T00:00:00Z", "queued")]
    assert "no active image debian-13" in found(cloud)


def test_an_image_may_be_given_by_its_id() -> None:
    assert found(hosts=[host("a", image="i-new")]) == ""


def test_an_image_that_vanished_does_not_matter_to_hosts_that_exist() -> None:
    cloud = finished_cloud()
    cloud.images, cloud.flavors = [], []
    assert found(cloud) == ""


def test_two_hosts_with_one_address_are_named() -> None:
    assert "a, b: the same address 10.64.0.5" in found(
        hosts=[host("a", fixed_ip="10.64.0.5"), host("b", fixed_ip="10.64.0.5")]
    )


def test_a_host_outside_the_cloud_counts_for_duplicates_too() -> None:
    text = found(hosts=[host("a", fixed_ip="10.64.0.5")], others={"metal": "10.64.0.5", "A": "192.0.2.1"})
    assert "a, metal: the same address" in text and "A: not a host name" in text and "two hosts with the name a" in text


def test_a_name_that_is_no_host_name_is_named() -> None:
    assert "worker_1: not a host name" in found(hosts=[host("worker_1")])


def test_an_address_outside_the_subnet_is_named() -> None:
    assert "address 10.65.0.5 is outside the subnet 10.64.0.0/24" in found(hosts=[host("a", fixed_ip="10.65.0.5")])
    assert "is no IP address" in found(hosts=[host("a", fixed_ip="ten")])


def test_the_gateways_address_is_not_for_hosts() -> None:
    assert "is the subnet's own" in found(hosts=[host("a", fixed_ip="10.64.0.1")])
    assert "is the subnet's own" in found(finished_cloud(), hosts=[host("a", fixed_ip="10.64.0.255")])


def test_an_address_that_another_port_holds_is_named() -> None:
    assert "is taken by port worker-2" in found(finished_cloud(), hosts=[host("a", fixed_ip="10.64.0.12")])


def test_a_foreign_server_with_a_declared_name_is_named() -> None:
    cloud = empty_cloud()
    cloud.servers = [server("worker-1", metadata={})]
    assert "worker-1: a server of that name (v-worker-1) exists that this site did not make" in found(cloud)
    cloud.servers = [server("worker-1", metadata={"ai_infn_site": "other"})]
    assert "did not make" in found(cloud)


def test_two_servers_of_one_name_are_named() -> None:
    cloud = finished_cloud()
    cloud.servers.append(server("worker-2", id="v-2b"))
    assert "worker-2: 2 servers of that name exist (v-worker-2, v-2b)" in found(cloud)


def test_a_missing_external_network_is_named() -> None:
    text = found(network={**EXTERNAL, "external": "internet"})
    assert "no external network internet. It has: external." in text


def test_a_floating_ip_needs_an_external_network() -> None:
    assert "no external network" in found(network={"name": "lab", "cidr": "10.64.0.0/24"})


def test_a_given_network_must_exist_with_its_range() -> None:
    given = {"name": "given", "existing": True, "cidr": "192.168.0.0/24", "external": "external"}
    assert "given network given does not exist" in found(network=given)
    cloud = empty_cloud()
    cloud.networks.append({"id": "n", "name": "given", "project_id": "admin", "description": ""})
    assert "has no subnet 192.168.0.0/24" in found(cloud, network=given)


def test_a_foreign_network_of_the_sites_name_is_named() -> None:
    cloud = empty_cloud()
    cloud.networks.append({"id": "n", "name": "lab", "project_id": PROJECT, "description": "mine"})
    assert "A network lab exists that this site did not make" in found(cloud)


def test_a_changed_range_is_named() -> None:
    assert "has the range 10.64.0.0/24. Declared: 10.70.0.0/24" in found(
        finished_cloud(), network={**EXTERNAL, "cidr": "10.70.0.0/24"}
    )


def test_another_key_of_the_same_name_is_named() -> None:
    assert "another key than the site's id_ed25519" in found(finished_cloud(), public_key="ssh-ed25519 OTHER lab")
    assert found(finished_cloud(), public_key="") == ""


def test_what_a_server_cannot_become_is_named() -> None:
    hosts = [host("worker-1", flavor="m1.large", fixed_ip="10.64.0.50", volumes=[{"name": "data", "size": 20}])]
    text = found(finished_cloud(), hosts=hosts)
    assert "the server has flavor m1.medium. Declared: m1.large" in text
    assert "the server has address 10.64.0.11. Declared: 10.64.0.50" in text
    assert "volume data has 10 GiB. Declared: 20 GiB" in text


def test_a_kept_volume_of_another_size_is_named_before_the_host_returns() -> None:
    cloud = empty_cloud()
    cloud.volumes = [volume(server_id="")]
    assert "volume data has 10 GiB" in found(cloud, hosts=[host("worker-1", volumes=[{"name": "data", "size": 5}])])
