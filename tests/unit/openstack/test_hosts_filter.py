"""The hosts of the cloud are those with a flavor, with what their variables declare."""

from __future__ import annotations

from ansible_collections.ai_infn.platform.plugins.filter.openstack_hosts import openstack_hosts


def test_a_host_without_a_flavor_is_left_out() -> None:
    assert openstack_hosts([{"inventory_hostname": "metal", "group_names": ["kube_worker"]}]) == []


def test_every_variable_of_a_host_reaches_the_module() -> None:
    variables = {
        "openstack_server_flavor": "m1.small",
        "openstack_server_image": "debian-13",
        "openstack_server_fixed_ip": "10.64.0.5",
        "openstack_server_floating_ip": True,
        "openstack_server_volumes": [{"name": "data", "size": 1}],
        "openstack_server_group": "workers",
        "openstack_server_availability_zone": "nova",
    }
    assert openstack_hosts([{"inventory_hostname": "a", "group_names": ["w"], **variables}]) == [
        {
            "name": "a",
            "groups": ["w"],
            "flavor": "m1.small",
            "image": "debian-13",
            "fixed_ip": "10.64.0.5",
            "floating_ip": True,
            "volumes": [{"name": "data", "size": 1}],
            "server_group": "workers",
            "availability_zone": "nova",
        }
    ]
