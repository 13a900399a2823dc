"""Checks of a Ceph cluster, on answers of the shape that Ceph 16.2 gives."""

from __future__ import annotations

import copy
from typing import Any

from plugins.module_utils.ceph.osd import by_host
from plugins.module_utils.ceph.status import checks

WELL: dict[str, Any] = {
    "status": {
        "health": {"status": "HEALTH_OK", "checks": {}},
        "quorum_names": ["one"],
        "osdmap": {"num_osds": 1, "num_up_osds": 1, "num_in_osds": 1},
        "fsmap": {"by_rank": [{"name": "one", "status": "up:active"}], "up:standby": 0},
    },
    "space": {"stats": {"total_bytes": 4 << 30, "total_used_raw_bytes": 1 << 30}},
    "hosts": {"one": [0]},
    "today": "2026-03-02",
    "snapshots": {"/groups": ["by-hand", "daily-2026-03-02"], "/homes": ["daily-2026-02-28", "daily-2026-03-01"]},
}


def told(answer: dict[str, Any], **declared: list[str]) -> dict[str, dict[str, Any]]:
    """Return the checks by name; every group has the host ``one`` unless declared otherwise."""
    groups = {name: declared.get(name, ["one"]) for name in ("monitors", "osds", "metadata")}
    return {check["check"]: check for check in checks(answer, **groups)}


def test_a_cluster_as_declared_is_well() -> None:
    assert [check for check in told(WELL).values() if not check["ok"]] == []
    assert told(WELL)["there is room"]["detail"].startswith("25 % of 4.0 GiB used")


def test_a_cluster_that_does_not_answer_is_told() -> None:
    (check,) = told({"msg": "connection timed out"}).values()
    assert not check["ok"]
    assert "connection timed out" in check["detail"]


def test_what_ceph_says_of_its_health_is_told() -> None:
    answer = copy.deepcopy(WELL)
    answer["status"]["health"] = {
        "status": "HEALTH_WARN",
        "checks": {"OSD_DOWN": {"severity": "HEALTH_WARN", "summary": {"message": "1 osds down", "count": 1}}},
    }
    assert told(answer)["Ceph is healthy"]["detail"] == "HEALTH_WARN; OSD_DOWN: 1 osds down"


def test_a_declared_monitor_that_does_not_vote_is_told() -> None:
    check = told(WELL, monitors=["one", "three", "two"])["monitors vote"]
    assert not check["ok"]
    assert "missing: three, two" in check["detail"]


def test_an_osd_that_is_down_and_a_host_without_one_are_told() -> None:
    answer = copy.deepcopy(WELL)
    answer["status"]["osdmap"]["num_up_osds"] = 0
    assert not told(answer)["OSDs are up"]["ok"]
    assert "no OSD on two" in told(WELL, osds=["one", "two"])["OSDs are up"]["detail"]


def test_a_missing_metadata_server_is_told() -> None:
    assert not told(WELL, metadata=["one", "two"])["metadata servers serve"]["ok"]
    answer = copy.deepcopy(WELL)
    answer["status"]["fsmap"]["by_rank"][0]["status"] = "up:replay"
    assert not told(answer)["metadata servers serve"]["ok"]


def test_it_is_told_when_there_is_hardly_any_room() -> None:
    answer = copy.deepcopy(WELL)
    answer["space"]["stats"]["total_used_raw_bytes"] = int(3.3 * (1 << 30))
    assert not told(answer)["there is room"]["ok"]


def test_the_osds_of_a_host_are_read_from_the_tree() -> None:
    tree = {
        "nodes": [
            {"type": "root", "name": "default", "children": [-3]},
            {"type": "host", "name": "one", "children": [2, 0]},
        ]
    }
    assert by_host(tree) == {"one": [0, 2]}


def test_snapshots_that_are_old_are_told() -> None:
    assert told(WELL)["snapshots are made"]["detail"] == "last of /groups: 2026-03-02, last of /homes: 2026-03-01"
    check = told({**WELL, "today": "2026-03-03"})["snapshots are made"]
    assert not check["ok"]
    assert "journalctl -u cephfs-snapshots" in check["detail"]


def test_a_snapshot_of_a_wrong_clock_hides_none_that_lacks() -> None:
    found = {"/homes": ["daily-2036-01-01", "daily-2026-02-01", "daily-nonsense", "by-hand"]}
    check = told({**WELL, "snapshots": found})["snapshots are made"]
    assert not check["ok"]
    assert "/homes: 2026-02-01" in check["detail"]


def test_without_a_metadata_server_nothing_is_known_of_snapshots() -> None:
    check = told({**WELL, "snapshots": {}})["snapshots are made"]
    assert (check["ok"], check["detail"].split(".")[0]) == (False, "no metadata server tells")
