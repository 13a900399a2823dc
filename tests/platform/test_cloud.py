"""A declared site becomes so in its project, says what it cannot do, and keeps what must be kept."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.platform.site import Lab, start_playbook
from tests.platform.trial import CLOUD, SITE, WORKERS, Trial, diff_of
from tests.support import eventually


@pytest.fixture(scope="module")
def site(raised: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """The trial's site, nothing made yet; its project is empty again afterwards."""
    trial = Trial(raised, tmp_path_factory.mktemp("trial"))
    trial.sweep()
    yield trial
    trial.sweep()


@pytest.fixture
def empty(site: Trial) -> Iterator[Trial]:
    """The site in an empty project, for tests that make little or nothing."""
    site.sweep()
    site.configure()
    yield site
    site.configure()
    site.sweep()


def test_check_mode_on_an_empty_project_shows_every_object_and_makes_none(empty: Trial) -> None:
    empty.declare(WORKERS)
    run = empty.cloud(check=True).assert_ok()
    shown = " ".join(entry["before_header"] for result in run.results("runner_on_ok") for entry in diff_of(result))
    things = ["network", "subnet", "router", "router interface", "key pair"]
    wanted = [f"{thing} {SITE}" for thing in things] + ["security group trial-host", "server group trial-workers"]
    wanted += ["security group rule trial-host", "volume trial-1-data"]
    wanted += [f"{thing} {host}" for thing in ("port", "server") for host in WORKERS]
    assert [thing for thing in wanted if thing not in shown] == []
    said = " ".join(str(result["res"].get("msg")) for result in run.results("runner_item_on_ok"))
    for host in WORKERS:
        assert f"{host}, known only once it exists: port address, server address" in said
    assert empty.servers() == {} and empty.network_names() == []


QUOTAS = [
    ("compute", "cores", 1, "cores"),
    ("compute", "ram", 1024, "RAM (MB)"),
    ("compute", "instances", 1, "instances"),
    ("compute", "key_pairs", 0, "key pairs"),
    ("compute", "server_groups", 0, "server groups"),
    ("compute", "server_group_members", 1, "members of server group trial-workers"),
    ("network", "ports", 1, "ports"),
    ("network", "floating_ips", 0, "floating IPs"),
    ("network", "networks", 0, "networks"),
    ("network", "subnets", 0, "subnets"),
    ("network", "routers", 0, "routers"),
    ("network", "security_groups", 1, "security groups"),
    ("network", "security_group_rules", 4, "security group rules"),
    ("volume", "volumes", 0, "volumes"),
    ("volume", "gigabytes", 0, "gigabytes"),
]


def test_every_quota_that_is_too_small_is_reported_at_once_before_the_first_change(empty: Trial) -> None:
    empty.declare({**WORKERS, "trial-2": dict(WORKERS["trial-2"], openstack_server_floating_ip=True)})
    with _all_quotas(empty, QUOTAS):
        run = empty.preflight()
    assert run.rc != 0
    for _service, _name, _limit, resource in QUOTAS:
        assert resource in run.failures
    assert "needed" in run.failures and "shortage" in run.failures
    assert empty.servers() == {}


def _all_quotas(trial: Trial, quotas: list[tuple[str, str, int, str]]) -> ExitStack:
    stack = ExitStack()
    for service, name, limit, _resource in quotas:
        stack.enter_context(trial.quota(service, name, limit))
    return stack


def test_unknown_things_and_duplicates_are_reported_at_once_before_the_first_change(empty: Trial) -> None:
    empty.configure(openstack_external_network="internet")
    empty.declare(
        {
            "a": {"openstack_server_flavor": "huge", "openstack_server_fixed_ip": "10.64.32.9"},
            "b": {"openstack_server_image": "debian-99", "openstack_server_fixed_ip": "10.64.32.9"},
            "B": {"openstack_server_fixed_ip": "10.65.0.1"},
        }
    )
    run = empty.preflight()
    assert run.rc != 0
    for text in (
        "no flavor huge",
        "no active image debian-99",
        "no external network internet",
        "a, b: the same address 10.64.32.9",
        "two hosts with the name b",
        "10.65.0.1 is outside the subnet",
    ):
        assert text in run.failures


def test_missing_and_wrong_credentials_are_named(empty: Trial, tmp_path: Path) -> None:
    empty.declare(WORKERS)
    missing = empty.preflight(openstack_clouds_file=str(tmp_path / "clouds.yaml"))
    assert missing.rc != 0 and "There are no credentials" in missing.failures
    wrong = tmp_path / "wrong.yaml"
    text = (empty.state / "clouds.yaml").read_text(encoding="utf-8")
    wrong.write_text("\n".join(_forget_password(line) for line in text.splitlines()), encoding="utf-8")
    refused = empty.preflight(openstack_clouds_file=str(wrong))
    assert refused.rc != 0 and f"The cloud '{CLOUD}' refuses the credentials" in refused.failures


def _forget_password(line: str) -> str:
    return line.split("password:")[0] + "password: wrong" if "password:" in line else line


def test_a_host_without_room_is_named_with_its_flavor_the_others_go_on_and_the_next_run_retries(empty: Trial) -> None:
    hosts = {name: {"openstack_server_flavor": "gpu.a100x1"} for name in ("gpu-1", "gpu-2")}
    empty.declare({**hosts, "plain-1": {}})
    run = empty.cloud()
    assert run.rc == 2
    (failed,) = run.results("runner_on_failed")
    assert failed["host"] in hosts
    assert f"{failed['host']}: No valid host for flavor gpu.a100x1" in failed["res"]["msg"]
    servers = empty.servers()
    assert servers["plain-1"].status == "ACTIVE"
    (lucky,) = set(hosts) - {failed["host"]}
    assert servers[lucky].status == "ACTIVE" and servers[failed["host"]].status == "ERROR"

    empty.remove(lucky).assert_ok()
    empty.declare({failed["host"]: hosts[failed["host"]], "plain-1": {}})
    empty.cloud().assert_ok()
    assert empty.servers()[failed["host"]].status == "ACTIVE"
    empty.cloud().assert_unchanged()


def test_a_run_that_is_killed_inside_server_creation_is_taken_up_by_the_next(empty: Trial, tmp_path: Path) -> None:
    empty.declare(WORKERS)
    log = tmp_path / "killed.log"
    with log.open("wb") as output:
        process = start_playbook("cloud", inventory=empty.inventory, output=output)
        eventually(lambda: bool(empty.servers()) or process.poll() is not None, 120, "there is a server")
        assert process.poll() is None, f"it ended before it was killed:\n{log.read_text()[-3000:]}"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert empty.servers()
    empty.cloud().assert_ok()
    assert {name: server.status for name, server in empty.servers().items()} == dict.fromkeys(WORKERS, "ACTIVE")
    empty.cloud().assert_unchanged()
    assert len(list(empty.tenant.network.ports(device_owner="compute:nova"))) <= len(WORKERS)


def test_hosts_behind_a_bastion_are_reached_through_its_floating_ip(empty: Trial) -> None:
    empty.declare({"inner-1": {}}, bastion={"bastion-1": {"openstack_server_floating_ip": True}})
    empty.cloud().assert_ok()
    variables = empty.lab.hostvars(empty.inventory)
    outside, inside = variables["bastion-1"]["ansible_host"], variables["bastion-1"]["openstack_server_address"]
    assert outside != inside
    assert empty.shell("inner-1", "echo $SSH_CONNECTION").split()[0] == inside
    pinned = (empty.state / "known_hosts").read_text(encoding="utf-8")
    assert outside in pinned and variables["inner-1"]["ansible_host"] in pinned
    refused = empty.remove("bastion-1")
    assert refused.rc != 0 and "is the only bastion" in refused.failures
