"""A declared site becomes so in its project, says what it cannot do, and keeps what must be kept."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.platform.site import Lab, start_playbook
from tests.platform.trial import CLOUD, MARK, SITE, Trial

WORKERS: dict[str, dict[str, Any]] = {
    "trial-1": {"openstack_server_volumes": [{"name": "data", "size": 1}], "openstack_server_group": "workers"},
    "trial-2": {"openstack_server_group": "workers"},
}
MODULE = "Bring the project to its declared state"


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


@pytest.fixture(scope="module")
def made(site: Trial) -> Trial:
    """The site with two workers; tests that use it leave it so."""
    site.configure(openstack_server_group_policies={"workers": "anti-affinity"})
    site.declare(WORKERS)
    site.cloud().assert_ok()
    return site


# On an empty project


def test_check_mode_on_an_empty_project_shows_every_object_and_makes_none(empty: Trial) -> None:
    empty.declare(WORKERS)
    run = empty.cloud(check=True).assert_ok()
    shown = " ".join(entry["before_header"] for result in run.results("runner_on_ok") for entry in _diff(result))
    things = ["network", "subnet", "router", "router interface", "key pair"]
    wanted = [f"{thing} {SITE}" for thing in things] + ["security group trial-host", "server group trial-workers"]
    wanted += ["security group rule trial-host", "volume trial-1-data"]
    wanted += [f"{thing} {host}" for thing in ("port", "server") for host in WORKERS]
    assert [thing for thing in wanted if thing not in shown] == []
    said = " ".join(str(result["res"].get("msg")) for result in run.results("runner_item_on_ok"))
    for host in WORKERS:
        assert f"{host}, known only once it exists: port address, server address" in said
    assert empty.servers() == {} and empty.network_names() == []


def _diff(result: dict[str, dict[str, list[dict[str, str]]]]) -> list[dict[str, str]]:
    found = result["res"].get("diff") or []
    return [entry for entry in found if "before_header" in entry] if isinstance(found, list) else []


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
    hosts = {name: {"openstack_server_flavor": "gpu.a100x3"} for name in ("gpu-1", "gpu-2")}
    empty.declare({**hosts, "plain-1": {}})
    run = empty.cloud()
    assert run.rc == 2
    (failed,) = run.results("runner_on_failed")
    assert failed["host"] in hosts
    assert f"{failed['host']}: No valid host for flavor gpu.a100x3" in failed["res"]["msg"]
    servers = empty.servers()
    assert servers["plain-1"].status == "ACTIVE"
    (lucky,) = set(hosts) - {failed["host"]}
    assert servers[lucky].status == "ACTIVE" and servers[failed["host"]].status == "ERROR"

    empty.remove(lucky).assert_ok()
    empty.declare({failed["host"]: hosts[failed["host"]], "plain-1": {}})
    empty.cloud().assert_ok()
    assert empty.servers()[failed["host"]].status == "ACTIVE"
    empty.cloud().assert_unchanged()


def test_a_run_that_is_killed_inside_server_creation_is_taken_up_by_the_next(empty: Trial) -> None:
    empty.declare(WORKERS)
    process = start_playbook("cloud", inventory=empty.inventory)
    while not empty.servers() and process.poll() is None:
        time.sleep(0.2)
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


# On the made site


def test_servers_are_made_with_the_mark_and_without_user_data(made: Trial) -> None:
    servers = made.servers()
    assert set(servers) == set(WORKERS)
    for server in servers.values():
        full = made.tenant.compute.get_server(server)
        assert full.status == "ACTIVE" and full.metadata == {"ai_infn_site": SITE} and not full.user_data
    assert servers["trial-1"].compute_host is None  # a tenant does not see it
    hosts = {
        s.compute_host for s in made.admin.compute.servers(all_projects=True, project_id=made.tenant.current_project_id)
    }
    assert len(hosts) == len(WORKERS), "the server group spreads its members"
    assert oct((made.state / "id_ed25519").stat().st_mode & 0o777) == "0o600"


def test_a_second_run_changes_nothing_shows_nothing_and_is_quick(made: Trial) -> None:
    run = made.cloud("--diff").assert_unchanged()
    assert [entry for result in run.results("runner_on_ok") for entry in _diff(result)] == []
    again = made.cloud(check=True).assert_unchanged()
    seconds = min(event["event_data"]["duration"] for event in run.events + again.events if _is_module(event))
    busy = os.getloadavg()[0] > 2 * (os.cpu_count() or 1)
    assert seconds < 3 or busy, f"{seconds} s"


def _is_module(event: dict[str, dict[str, str]]) -> bool:
    return event["event"] == "runner_on_ok" and event["event_data"]["task"] == MODULE  # type: ignore[comparison-overlap]


def test_a_rule_put_by_hand_is_reported_by_check_mode_and_removed_by_the_next_run(made: Trial) -> None:
    (group,) = made.tenant.network.security_groups(name=f"{SITE}-host")
    made.tenant.network.create_security_group_rule(
        security_group_id=group.id, direction="ingress", protocol="tcp", port_range_min=23, port_range_max=23
    )
    check = made.cloud(check=True)
    assert check.changed == [f"localhost: {MODULE}"]
    assert "ingress IPv4 tcp 23-23 from anywhere" in str([_diff(result) for result in check.results("runner_on_ok")])
    made.cloud().assert_ok()
    rules = made.tenant.network.security_group_rules(security_group_id=group.id)
    assert [rule.port_range_min for rule in rules if rule.port_range_min == 23] == []
    made.cloud().assert_unchanged()


def test_a_server_that_nobody_declared_never_becomes_a_host(made: Trial) -> None:
    template = made.tenant.compute.get_server(made.servers()["trial-2"])
    stray = made.tenant.compute.create_server(
        name="stray",
        flavor_id=_flavor(made),
        image_id=template.image.id,
        networks="none",
        metadata={"ai_infn_site": SITE},
    )
    foreign = made.tenant.compute.create_server(
        name="foreign", flavor_id=_flavor(made), image_id=template.image.id, networks="none"
    )
    try:
        assert set(made.lab.hostvars(made.inventory)) == set(WORKERS)
        failures = " ".join(made.lab.status(made.inventory)["failures"])
        assert "stray" in failures and "foreign" not in failures
        made.cloud().assert_unchanged()
        made.declare({**WORKERS, "foreign": {}})
        refused = made.preflight()
        assert refused.rc != 0 and "that this site did not make" in refused.failures
    finally:
        made.declare(WORKERS)
        for server in (stray, foreign):
            made.tenant.compute.delete_server(server)
            made.tenant.compute.wait_for_delete(server, interval=1, wait=60)


def _flavor(trial: Trial) -> str:
    return str(next(flavor.id for flavor in trial.tenant.compute.flavors() if flavor.name == "m1.small"))


def test_a_changed_host_key_is_refused(made: Trial, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    other = (tmp_path / "other.pub").read_text(encoding="utf-8").split()[1]
    known_hosts = made.state / "known_hosts"
    pinned = known_hosts.read_text(encoding="utf-8")
    address = made.lab.address("trial-2", made.inventory)
    lines = [_with_key(line, other) if line.startswith(f"{address} ") else line for line in pinned.splitlines()]
    assert lines != pinned.splitlines()
    known_hosts.write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in made.refusal("trial-2")
    finally:
        known_hosts.write_text(pinned, encoding="utf-8")
    assert made.root("trial-2", "hostname") == "trial-2"


def _with_key(line: str, key: str) -> str:
    return " ".join([*line.split()[:2], key])


def test_a_removed_host_finds_its_volume_again_and_only_its_own_keys_are_forgotten(made: Trial) -> None:
    device = _device(made)
    made.root(
        "trial-1", f"mkfs.ext4 -q {device} && mount {device} /mnt && echo kept > /mnt/proof && sync && umount /mnt"
    )
    other = made.root("trial-2", "hostname")
    before = made.servers()["trial-1"].id

    said = made.remove("trial-1", check=True).assert_ok()
    assert "would be destroyed: server trial-1" in said.output and "kept: volume trial-1-data" in said.output
    assert made.servers()["trial-1"].id == before
    made.remove("trial-1").assert_ok()
    assert "trial-1" not in made.servers()
    assert [volume.status for volume in made.tenant.block_storage.volumes()] == ["available"]

    made.cloud().assert_ok()
    assert made.servers()["trial-1"].id != before
    assert made.root("trial-1", f"mount {_device(made)} /mnt && cat /mnt/proof; umount /mnt") == "kept"
    assert made.root("trial-2", "hostname") == other
    made.cloud().assert_unchanged()


def _device(trial: Trial) -> str:
    """Return the stable path of trial-1's data volume in the guest."""
    (volume,) = trial.tenant.block_storage.volumes()
    return f"/dev/disk/by-id/virtio-{volume.id[:20]}"


def test_a_removal_destroys_the_volume_when_told_so(made: Trial) -> None:
    made.remove("trial-1", delete_volumes="yes").assert_ok()
    assert list(made.tenant.block_storage.volumes()) == []
    made.cloud().assert_ok()
    assert len(list(made.tenant.block_storage.volumes())) == 1
    assert all(volume.metadata["ai_infn_site"] == SITE for volume in made.tenant.block_storage.volumes(details=True))


def test_what_the_site_did_not_make_is_never_touched(made: Trial) -> None:
    network = made.tenant.network.create_network(name="somebody-elses")
    group = made.tenant.network.create_security_group(name="somebody-elses")
    try:
        made.cloud().assert_unchanged()
        assert made.tenant.network.get_network(network) and made.tenant.network.get_security_group(group)
        own = made.tenant.network.find_network(SITE)
        assert own.description == MARK
    finally:
        made.tenant.network.delete_network(network)
        made.tenant.network.delete_security_group(group)
