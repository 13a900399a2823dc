"""The plan leads from the project as it is to the site as declared, and names what it cannot know."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.cloud import Cloud
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.plan import UNKNOWN, Plan, as_diff, make_plan
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.run import servers_of, unpredictable

from tests.unit.openstack.answers import (
    KEY,
    PROJECT,
    SITE_MARK,
    empty_cloud,
    finished_cloud,
    host,
    rule,
    server,
    site,
    volume,
)


def steps(cloud: Cloud, **more: Any) -> list[str]:
    return [str(step) for step in make_plan(site(**more), cloud).steps]


def host_steps(plan: Plan, name: str) -> list[str]:
    return [str(step) for step in plan.of_host(name)]


def test_an_empty_project_gets_every_object() -> None:
    plan = make_plan(site(), empty_cloud())
    assert [str(step) for step in plan.steps if not step.host] == [
        "create network lab",
        "create subnet lab",
        "create router lab",
        "create router interface lab",
        "create security group lab-host",
        "create security group rule lab-host",
        "create security group rule lab-host",
        "create key pair lab",
        "create server group lab-workers",
    ]
    assert host_steps(plan, "worker-1") == [
        "create volume worker-1-data",
        "create port worker-1",
        "create server worker-1",
        "attach volume worker-1-data",
        "create floating IP worker-1",
    ]


def test_a_finished_project_gets_nothing() -> None:
    plan = make_plan(site(), finished_cloud())
    assert plan.steps == () and plan.failures == {} and not plan.changed and as_diff(plan.steps) == []


def test_a_step_comes_after_those_it_depends_on() -> None:
    stages = [[step.kind for step in stage] for stage in make_plan(site(), empty_cloud()).of_site()]
    assert stages[0] == ["network", "security group", "key pair", "server group"]
    assert stages[1] == ["subnet", "router", "security group rule", "security group rule"]
    assert stages[2] == ["router interface"]


def test_the_diff_shows_every_object_and_what_is_known_only_later() -> None:
    plan = make_plan(site(), empty_cloud())
    shown = {entry["before_header"]: entry["after"] for entry in as_diff(plan.steps)}
    assert len(shown) == len({(step.kind, step.name) for step in plan.steps})
    assert f"address: {UNKNOWN}" in shown["server worker-2"]
    assert unpredictable(site(), plan)["worker-2"] == ["port address", "server address", "all that is configured on it"]


def test_the_public_key_is_unknown_before_it_is_made() -> None:
    shown = {
        entry["before_header"]: entry["after"] for entry in as_diff(make_plan(site(public_key=""), empty_cloud()).steps)
    }
    assert shown["key pair lab"] == f"public key: {UNKNOWN}\n"
    assert KEY.split()[1] not in str(shown)


def test_a_rule_by_hand_goes_and_a_missing_one_comes_back() -> None:
    cloud = finished_cloud()
    group = cloud.security_groups[0]
    telnet = rule("hand", "ingress", protocol="tcp", port_range_min=23, port_range_max=23)
    group["security_group_rules"][:] = [r for r in group["security_group_rules"] if r["id"] != "i1"] + [telnet]  # type: ignore[index]
    plan = make_plan(site(), cloud)
    assert [(s.action, s.before.get("rule"), s.after.get("rule")) for s in plan.steps] == [
        ("create", None, "ingress IPv4 tcp 22-22 from 203.0.113.254/32"),
        ("delete", "ingress IPv4 tcp 23-23 from anywhere", None),
    ]


def test_one_more_host_adds_only_its_own_objects() -> None:
    hosts = [host("worker-1", server_group="workers"), host("worker-2"), host("worker-3")]
    assert steps(finished_cloud(), hosts=hosts) == ["create port worker-3", "create server worker-3"]


def test_a_port_gets_the_exact_set_of_groups() -> None:
    cloud = finished_cloud()
    cloud.ports[1] = {**cloud.ports[1], "security_groups": ["g-host", "g-default"]}
    plan = make_plan(site(), cloud)
    assert [(s.before, s.after) for s in plan.steps] == [
        ({"security groups": ["default", "lab-host"]}, {"security groups": ["lab-host"]})
    ]


def test_a_server_that_never_ran_is_made_anew() -> None:
    cloud = finished_cloud()
    cloud.servers[0] = server("worker-1", "ERROR", fault={"message": "No valid host was found."})
    cloud.volumes = [volume(server_id="")]
    plan = make_plan(site(), cloud)
    assert host_steps(plan, "worker-1") == [
        "delete server worker-1",
        "create server worker-1",
        "attach volume worker-1-data",
    ]
    assert plan.steps[0].before["fault"] == "No valid host was found."


def test_a_server_that_ran_before_is_left_to_a_person() -> None:
    cloud = finished_cloud()
    cloud.servers[0] = server("worker-1", "ERROR", **{"OS-SRV-USG:launched_at": "2026-01-01T00:00:00"})
    plan = make_plan(site(), cloud)
    assert plan.steps == () and "ran before" in plan.failures["worker-1"]


@pytest.mark.parametrize(
    ("status", "task", "expected"),
    [
        ("BUILD", "spawning", ["wait server worker-2"]),
        ("SHUTOFF", None, ["start server worker-2"]),
        ("SHUTOFF", "powering-on", ["wait server worker-2"]),
        ("ACTIVE", "deleting", ["delete server worker-2", "create server worker-2"]),
    ],
)
def test_an_interrupted_run_is_taken_up_where_it_stopped(status: str, task: str, expected: list[str]) -> None:
    cloud = finished_cloud()
    cloud.servers[1] = server("worker-2", status, **{"OS-EXT-STS:task_state": task})
    assert steps(cloud) == expected


def test_waiting_for_an_earlier_run_is_no_change() -> None:
    cloud = finished_cloud()
    cloud.servers[1] = server("worker-2", "BUILD")
    plan = make_plan(site(), cloud)
    assert plan.steps and not plan.changed and as_diff(plan.steps) == []


def test_a_suspended_server_is_reported_and_the_others_go_on() -> None:
    cloud = finished_cloud()
    cloud.servers[1] = server("worker-2", "SUSPENDED")
    plan = make_plan(site(), cloud)
    assert "SUSPENDED" in plan.failures["worker-2"] and plan.steps == ()


def test_a_kept_volume_is_attached_to_the_host_that_returns() -> None:
    cloud = finished_cloud()
    cloud.servers, cloud.ports, cloud.volumes = cloud.servers[1:], cloud.ports[1:], [volume(server_id="")]
    plan = make_plan(site(), cloud)
    assert "attach volume worker-1-data" in host_steps(plan, "worker-1")
    assert "create volume worker-1-data" not in host_steps(plan, "worker-1")
    assert "update floating IP worker-1" in host_steps(plan, "worker-1")


@pytest.mark.parametrize("more", [{"status": "error"}, {"attachments": [{"server_id": "foreign"}]}])
def test_a_volume_that_cannot_be_attached_is_reported(more: dict[str, Any]) -> None:
    cloud = finished_cloud()
    cloud.volumes = [volume(**more)]
    assert "volume" in make_plan(site(), cloud).failures["worker-1"]


def test_a_given_network_is_never_changed() -> None:
    cloud = empty_cloud()
    cloud.networks.append({"id": "n", "name": "given", "project_id": "admin", "description": ""})
    cloud.subnets.append({"id": "s", "network_id": "n", "cidr": "192.168.0.0/24", "dns_nameservers": ["192.168.0.2"]})
    kinds = {step.kind for step in make_plan(site(network={"name": "given", "existing": True}), cloud).steps}
    assert not kinds & {"network", "subnet", "router", "router interface"}


def test_a_site_without_an_external_network_has_no_router() -> None:
    hosts = [host("worker-2")]
    found = steps(empty_cloud(), network={"name": "lab", "cidr": "10.64.0.0/24"}, hosts=hosts)
    assert "create network lab" in found and not any("router" in step for step in found)


def test_name_servers_and_a_lost_gateway_are_put_back() -> None:
    cloud = finished_cloud()
    cloud.routers[0] = {**cloud.routers[0], "external_gateway_info": None}
    network = {"name": "lab", "cidr": "10.64.0.0/24", "external": "external", "dns": ["192.0.2.53"]}
    assert steps(cloud, network=network) == ["update subnet lab", "update router lab"]


def test_the_result_describes_the_hosts_that_exist() -> None:
    cloud = finished_cloud()
    found = servers_of(site(), cloud, make_plan(site(), cloud))
    assert found["worker-1"] == {
        "id": "v-worker-1",
        "status": "ACTIVE",
        "address": "10.64.0.11",
        "floating_ip": "203.0.113.100",
        "created": False,
        "volumes": {"data": {"id": "d-1", "device": "/dev/vdb", "path": "/dev/disk/by-id/virtio-d-1"}},
    }


def test_objects_without_the_mark_are_not_ours() -> None:
    cloud = finished_cloud()
    own = {"project_id": PROJECT, "description": ""}
    cloud.networks = [cloud.networks[0], {"id": "n-foreign", "name": "lab", **own}]
    assert "create network lab" in steps(cloud)
    cloud.networks[1] = {**cloud.networks[1], "description": f"{SITE_MARK}-2"}
    assert "create network lab" in steps(cloud)
