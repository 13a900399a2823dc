"""The whole inventory is compared with the project's quotas, and every shortage is shown at once."""

from __future__ import annotations

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.cloud import Cloud, Limit
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.plan import make_plan
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.quota import compare, shortages, table
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.run import inspect

from tests.unit.openstack.answers import empty_cloud, finished_cloud, host, server, site


def needed(cloud: Cloud, **more: object) -> dict[str, int]:
    wanted = site(**more)
    return {line.resource: line.needed for line in compare(wanted, cloud, make_plan(wanted, cloud))}


EVERYTHING = {
    "networks": 1,
    "subnets": 1,
    "routers": 1,
    "ports": 3,
    "floating IPs": 1,
    "security groups": 1,
    "security group rules": 4,
    "key pairs": 1,
    "server groups": 1,
    "instances": 2,
    "cores": 4,
    "RAM (MB)": 8192,
    "volumes": 1,
    "gigabytes": 10,
}


def test_an_empty_project_needs_room_for_everything() -> None:
    assert needed(empty_cloud()) == EVERYTHING


def test_what_exists_is_not_counted_twice() -> None:
    assert needed(finished_cloud()) == {}
    hosts = [host("worker-1"), host("worker-2"), host("worker-3")]
    assert needed(finished_cloud(), hosts=hosts) == {"ports": 1, "instances": 1, "cores": 2, "RAM (MB)": 4096}


def test_a_server_that_is_made_anew_needs_nothing_more() -> None:
    cloud = finished_cloud()
    cloud.servers[1] = server("worker-2", "ERROR")
    assert needed(cloud) == {}


@pytest.mark.parametrize("resource", sorted(EVERYTHING))
def test_each_quota_that_is_too_small_is_named(resource: str) -> None:
    cloud = empty_cloud()
    cloud.limits = {name: Limit(-1, 0) for name in EVERYTHING} | {resource: Limit(EVERYTHING[resource], 1)}
    problems, lines = inspect(site(), cloud)
    assert [line.resource for line in shortages(lines)] == [resource]
    assert resource in problems[0] and str(EVERYTHING[resource]) in problems[0]


def test_unlimited_and_exactly_enough_are_enough() -> None:
    cloud = empty_cloud()
    cloud.limits = {name: Limit(amount, 0) for name, amount in EVERYTHING.items()}
    assert inspect(site(), cloud)[0] == []
    cloud.limits = {name: Limit(-1, 99) for name in EVERYTHING}
    assert inspect(site(), cloud)[0] == []


def test_a_project_over_its_quota_has_nothing_available() -> None:
    assert Limit(5, 7).available == 0


def test_a_server_group_cannot_have_more_members_than_the_cloud_allows() -> None:
    cloud = empty_cloud()
    cloud.limits["server group members"] = Limit(1, 0)
    hosts = [host("a", server_group="g"), host("b", server_group="g")]
    assert "members of server group lab-g" in inspect(site(hosts=hosts), cloud)[0][0]


def test_the_table_shows_needed_available_and_shortage() -> None:
    cloud = empty_cloud()
    cloud.limits |= {"cores": Limit(3, 0), "gigabytes": Limit(5, 0)}
    wanted = site()
    lines = table(shortages(compare(wanted, cloud, make_plan(wanted, cloud)))).splitlines()
    assert [line.split() for line in lines] == [
        ["resource", "needed", "available", "shortage"],
        ["cores", "4", "3", "1"],
        ["gigabytes", "10", "5", "5"],
    ]
