"""A plan is run in order; a host that fails does not hold up the others."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.apply import Builder
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.client import CloudError
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.cloud import Cloud
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.lock import site_lock
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.plan import make_plan
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.removal import remove_host

from tests.unit.openstack.answers import empty_cloud, finished_cloud, host, server, site, volume


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths, such as that of the lock, are seen from an empty folder."""
    monkeypatch.chdir(tmp_path)


class FakeClient:
    """Answers as the services do, and remembers the calls in their order."""

    def __init__(self, cloud: Cloud | None = None, broken: str = "", full: str = "") -> None:
        self.cloud = cloud
        self.broken, self.full = broken, full
        self.calls: list[tuple[str, str, Any]] = []
        self.states: dict[str, str] = {}
        self._lock = threading.Lock()

    def read(self) -> Cloud:
        assert self.cloud is not None
        return self.cloud

    def listed(self, service: str, path: str, key: str, **query: Any) -> list[Any]:
        return []

    def call(self, method: str, service: str, path: str, **arguments: Any) -> Any:
        with self._lock:
            if method != "GET":
                self.calls.append((method, path, arguments.get("json")))
            if method == "POST":
                return self._make(path, arguments["json"])
            if method == "DELETE":
                self.states[path.split("/")[-1]] = "gone"
            return self._show(path) if method == "GET" else None

    def _make(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        key, value = next(iter(body.items()))
        identity = f"{path.split('/')[-1]}-{len(self.calls)}"
        made = {"id": identity, **(value or {})}
        if key == "server":
            self.states[identity] = "ERROR" if value["name"] == self.full else "ACTIVE"
        if key == "port" and value["name"] == self.broken:
            raise CloudError("the address is taken (HTTP 409)", 409)
        if key == "volume":
            self.states[identity] = "available"
        if key == "volumeAttachment":
            self.states[value["volumeId"]] = "in-use"
        if key == "port":
            made["fixed_ips"] = [{"ip_address": value["fixed_ips"][0].get("ip_address", "10.64.0.77")}]
        if key == "floatingip":
            made["floating_ip_address"] = "203.0.113.101"
        return {key: made}

    def _show(self, path: str) -> dict[str, Any]:
        identity = path.split("/")[-1]
        state = self.states.get(identity, "available" if "volumes" in path else "ACTIVE")
        if state == "gone":
            raise CloudError("not found (HTTP 404)", 404)
        fault = {"message": "No valid host was found. There are not enough hosts available."}
        return {path.split("/")[1][:-1]: {"id": identity, "status": state, "fault": fault}}

    def made(self, path: str) -> list[dict[str, Any]]:
        return [body for method, called, body in self.calls if method == "POST" and called == path]


def build(client: FakeClient, cloud: Cloud, known_hosts: str = "/nonexistent", **more: Any) -> dict[str, str]:
    wanted = site(**more)
    return Builder(client, wanted, cloud, known_hosts, deadline=5, workers=8).run(make_plan(wanted, cloud))  # type: ignore[arg-type]


def test_everything_is_made_with_the_sites_mark_and_without_user_data() -> None:
    client = FakeClient()
    assert build(client, empty_cloud()) == {}
    for path in ("/networks", "/subnets", "/routers", "/security-groups", "/ports", "/floatingips"):
        bodies = [next(iter(body.values())) for body in client.made(path)]
        assert bodies and all(body["description"].startswith("ai_infn_site=lab") for body in bodies), path
    servers = [body["server"] for body in client.made("/servers")]
    assert [s["metadata"] for s in servers] == [{"ai_infn_site": "lab"}] * 2
    assert all("user_data" not in s for s in servers)
    assert client.made("/volumes")[0]["volume"]["metadata"]["ai_infn_host"] == "worker-1"


def test_the_newest_image_and_the_server_group_are_used() -> None:
    client = FakeClient()
    build(client, empty_cloud())
    grouped = next(body for body in client.made("/servers") if body["server"]["name"] == "worker-1")
    assert grouped["server"]["imageRef"] == "i-new"
    assert grouped["os:scheduler_hints"]["group"].startswith("os-server-groups-")


def test_a_host_without_room_is_named_with_its_flavor_and_the_others_go_on() -> None:
    client = FakeClient(full="worker-2")
    failed = build(client, empty_cloud())
    assert list(failed) == ["worker-2"]
    assert "worker-2: No valid host for flavor m1.medium" in failed["worker-2"] and "Remedy:" in failed["worker-2"]
    assert client.made("/floatingips")  # worker-1's last step


def test_the_pinned_keys_of_a_server_that_is_made_anew_are_forgotten(tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("10.64.0.12 ssh-ed25519 OLD\n10.64.0.11 ssh-ed25519 KEEP\n")
    cloud = finished_cloud()
    cloud.servers[1] = server("worker-2", "ERROR")
    client = FakeClient()
    assert build(client, cloud, str(known)) == {}
    assert known.read_text() == "10.64.0.11 ssh-ed25519 KEEP\n"
    assert client.calls[0][:2] == ("DELETE", "/servers/v-worker-2")


def test_a_kept_volume_is_attached_and_none_is_made() -> None:
    cloud = finished_cloud()
    cloud.servers, cloud.volumes = cloud.servers[1:], [volume(server_id="")]
    client = FakeClient()
    assert build(client, cloud) == {}
    assert client.made("/volumes") == []
    (attachment,) = [body for _method, path, body in client.calls if path.endswith("os-volume_attachments")]
    assert attachment == {"volumeAttachment": {"volumeId": "d-1"}}


def test_rules_name_their_peer_group_by_its_id() -> None:
    client = FakeClient()
    build(client, empty_cloud())
    bodies = [body["security_group_rule"] for body in client.made("/security-group-rules")]
    ping = next(body for body in bodies if body["protocol"] == "icmp")
    ssh = next(body for body in bodies if body["protocol"] == "tcp")
    assert ping["remote_group_id"] == ping["security_group_id"] and ping["port_range_min"] is None
    assert (ssh["port_range_min"], ssh["port_range_max"], ssh["remote_ip_prefix"]) == (22, 22, "203.0.113.254/32")


def test_an_error_of_a_shared_object_stops_the_run_before_any_host() -> None:
    client = FakeClient()
    original = client._make

    def refuse(path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == "/routers":
            raise CloudError("Quota exceeded (HTTP 409)", 409)
        return original(path, body)

    client._make = refuse  # type: ignore[method-assign]
    with pytest.raises(CloudError, match="cannot create router lab: Quota exceeded"):
        build(client, empty_cloud())
    assert client.made("/servers") == [] and client.made("/ports") == []


def removal(client: FakeClient, dry: bool = False, known_hosts: str = "known_hosts", **more: Any) -> dict[str, Any]:
    options = {"site": "lab", "name": "worker-1", "delete_volumes": False, "known_hosts": known_hosts}
    return remove_host(client, {**options, "server_deadline": 5, **more}, dry)  # type: ignore[arg-type]


def test_a_removal_keeps_the_data_volume() -> None:
    client = FakeClient(finished_cloud())
    result = removal(client)
    assert result["kept"] == ["volume worker-1-data (10 GiB, d-1)"]
    assert [path for _method, path, _body in client.calls] == [
        "/servers/v-worker-1",
        "/floatingips/fip",
        "/ports/o-worker-1",
    ]


def test_a_removal_destroys_the_data_volume_when_told_so() -> None:
    client = FakeClient(finished_cloud())
    result = removal(client, delete_volumes=True)
    assert client.calls[-1][:2] == ("DELETE", "/volumes/d-1") and result["kept"] == []


def test_check_mode_says_what_would_be_destroyed() -> None:
    client = FakeClient(finished_cloud())
    result = removal(client, dry=True, delete_volumes=True)
    assert result["changed"] and client.calls == []
    assert result["destroyed"] == [
        "server worker-1 (v-worker-1, ACTIVE)",
        "port worker-1 (10.64.0.11)",
        "floating IP 203.0.113.100",
        "volume worker-1-data (10 GiB, d-1)",
    ]


def test_a_removal_forgets_the_hosts_keys(tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("10.64.0.11 ssh-ed25519 A\n203.0.113.100 ssh-ed25519 A\n10.64.0.12 ssh-ed25519 B\n")
    removal(FakeClient(finished_cloud()), known_hosts=str(known))
    assert known.read_text() == "10.64.0.12 ssh-ed25519 B\n"


def test_a_foreign_server_is_not_removed() -> None:
    cloud = finished_cloud()
    cloud.servers[0] = server("worker-1", metadata={})
    client = FakeClient(cloud)
    with pytest.raises(CloudError, match="did not make"):
        removal(client)
    assert client.calls == []


def test_removing_what_is_gone_changes_nothing() -> None:
    assert not removal(FakeClient(empty_cloud()))["changed"]


def test_a_host_with_an_address_of_its_own_gets_it() -> None:
    client = FakeClient()
    build(client, empty_cloud(), hosts=[host("a", fixed_ip="10.64.0.40")])
    assert client.made("/ports")[0]["port"]["fixed_ips"][0]["ip_address"] == "10.64.0.40"


def test_declared_addresses_are_claimed_before_ports_that_may_have_any() -> None:
    client = FakeClient()
    hosts = [host(f"h{number}") for number in range(9)] + [host("last", fixed_ip="10.64.0.203")]
    assert build(client, empty_cloud(), hosts=hosts) == {}
    assert client.made("/ports")[0]["port"]["name"] == "last"


def test_a_host_whose_address_is_refused_is_named_and_goes_no_further() -> None:
    client = FakeClient(broken="a")
    failed = build(client, empty_cloud(), hosts=[host("a", fixed_ip="10.64.0.40"), host("b")])
    assert list(failed) == ["a"]
    assert [body["server"]["name"] for body in client.made("/servers")] == ["b"]


def test_a_run_waits_for_one_that_is_left_over_and_names_it() -> None:
    with site_lock("known_hosts", 1), pytest.raises(CloudError, match="another run is changing this site"):
        removal(FakeClient(finished_cloud()), server_deadline=0.1)
    assert removal(FakeClient(finished_cloud()))["changed"]
