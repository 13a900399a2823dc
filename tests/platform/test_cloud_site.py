"""A site that was made stays as it is, is repaired, and keeps what must be kept when a host leaves and returns."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform.site import Lab
from tests.platform.trial import MARK, MODULE, SITE, WORKERS, Trial, diff_of


@pytest.fixture(scope="module")
def made(raised: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """The trial's site with two workers; tests leave it so, and its project is empty again afterwards."""
    site = Trial(raised, tmp_path_factory.mktemp("trial"))
    site.sweep()
    site.configure(openstack_server_group_policies={"workers": "anti-affinity"})
    site.declare(WORKERS)
    site.cloud().assert_ok()
    yield site
    site.sweep()


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
    assert [entry for result in run.results("runner_on_ok") for entry in diff_of(result)] == []
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
    assert "ingress IPv4 tcp 23-23 from anywhere" in str([diff_of(result) for result in check.results("runner_on_ok")])
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
