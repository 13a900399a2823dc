"""The answers of a real OpenStack 2026.1, recorded before and after a site was made, are understood."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.cloud import Cloud, Limit
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.model import Site, site_from_options
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.plan import as_diff, make_plan
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.quota import compare
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.removal import belongings
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.run import inspect, servers_of


def recorded(name: str) -> Cloud:
    """Return a reading of the lab's cloud."""
    path = Path(__file__).parent / "recorded" / f"{name}.json"
    answers = json.loads(path.read_text(encoding="utf-8"))
    answers["limits"] = {key: Limit(**value) for key, value in answers["limits"].items()}
    return Cloud(**answers)


def declared(**more: Any) -> Site:
    """Return the site that was made between the two readings."""
    common = {"groups": ["worker"], "flavor": "m1.small", "image": "debian-13", "server_group": "workers"}
    return site_from_options(
        {
            "site": "trial",
            "network": {"name": "trial", "cidr": "10.64.32.0/24", "external": "external"},
            "security_groups": {
                "host": {
                    "description": "every host of the site",
                    "members": ["all"],
                    "rules": [
                        {"protocol": "tcp", "port_min": 22, "from": "admin"},
                        {"protocol": "icmp", "from": "admin"},
                        {"protocol": "icmp", "from": "host"},
                    ],
                }
            },
            "admin_cidrs": ["198.51.100.254/32"],
            "key_name": "trial",
            "hosts": [
                {"name": "trial-1", "volumes": [{"name": "data", "size": 1}], "floating_ip": True, **common},
                {"name": "trial-2", **common},
            ],
            **more,
        }
    )


def test_before_everything_is_to_be_made_and_nothing_is_wrong() -> None:
    problems, lines = inspect(declared(), recorded("empty"))
    assert problems == []
    assert {line.resource: line.needed for line in lines}["ports"] == 3
    assert len(make_plan(declared(), recorded("empty")).steps) == 17


def test_afterwards_nothing_is_to_be_made_and_nothing_is_shown() -> None:
    cloud = recorded("finished")
    plan = make_plan(declared(), cloud)
    assert [str(step) for step in plan.steps] == [] and as_diff(plan.steps) == []
    assert inspect(declared(), cloud)[0] == [] and compare(declared(), cloud, plan) == []


def test_what_was_made_is_what_was_needed() -> None:
    needed = {line.resource: line.needed for line in inspect(declared(), recorded("empty"))[1]}
    before, after = recorded("empty").limits, recorded("finished").limits
    grown = {name: after[name].used - before[name].used for name in after}
    # Key pairs are the user's, who made one in another project meanwhile.
    assert {name: count for name, count in grown.items() if count} == {**needed, "key pairs": 2}


def test_the_servers_are_described() -> None:
    cloud = recorded("finished")
    found = servers_of(declared(), cloud, make_plan(declared(), cloud))
    assert [server["status"] for server in found.values()] == ["ACTIVE", "ACTIVE"]
    assert found["trial-1"]["volumes"]["data"]["device"] == "/dev/vdb"
    assert found["trial-1"]["floating_ip"].startswith("198.51.100.")


def test_a_hosts_belongings_are_found() -> None:
    found = belongings(recorded("finished"), "trial", "trial-1")
    assert [len(items) for items in (found.servers, found.ports, found.floating_ips, found.volumes)] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "resource", ["cores", "RAM (MB)", "instances", "ports", "floating IPs", "volumes", "gigabytes"]
)
def test_a_quota_that_is_one_too_small_stops_the_run(resource: str) -> None:
    cloud = recorded("empty")
    needed = {line.resource: line.needed for line in inspect(declared(), cloud)[1]}
    limit = cloud.limits[resource]
    cloud.limits[resource] = replace(limit, limit=limit.used + needed[resource])
    assert inspect(declared(), cloud)[0] == []
    cloud.limits[resource] = replace(limit, limit=limit.used + needed[resource] - 1)
    assert resource in inspect(declared(), cloud)[0][0]
