"""Which hosts a Ceph cluster can do without, and what is done when one goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from plugins.module_utils.ceph.filesystems import Pool
from plugins.module_utils.ceph.leaving import Cluster, Osd, cluster, entities, numbers, objections, removal

GIB = 1 << 20
"""In KiB."""


def osd(number: int, used: int = 1) -> Osd:
    """Return an OSD of 10 GiB."""
    return Osd(number, up=True, total=10 * GIB, used=used * GIB)


THREE = Cluster(
    osds={"a": (osd(0),), "b": (osd(1),), "c": (osd(2), osd(3))},
    voters=("a", "b", "c"),
    agreeing=("a", "b", "c"),
    pools={"data": Pool(2, 1)},
    metadata=("a", "b"),
    inactive=0,
)


def test_one_of_three_may_leave() -> None:
    assert objections(THREE, "c") == []
    assert numbers(THREE, "c") == [2, 3]


def test_a_stranger_may_leave_and_nothing_is_done() -> None:
    assert objections(THREE, "elsewhere") == []
    assert removal(THREE, "elsewhere") == []


def test_the_last_monitor_stays() -> None:
    (said,) = objections(replace(THREE, voters=("a",), agreeing=("a",)), "a")
    assert "the only monitor" in said


def test_a_monitor_without_which_there_is_no_majority_stays() -> None:
    (said,) = objections(replace(THREE, agreeing=("a", "c")), "c")
    assert said == "without c 1 of 2 monitors would vote, no majority. Needed first: b."


def test_there_are_as_many_hosts_as_copies() -> None:
    (said,) = objections(replace(THREE, pools={"data": Pool(3, 2), "few": Pool(1, 1)}), "c")
    assert said.startswith("without c 2 hosts have OSDs, and there are 3 copies of everything")


def test_the_others_have_room_for_it() -> None:
    full = replace(THREE, osds={"a": (osd(0, 6),), "b": (osd(1, 6),), "c": (osd(2, 5),)})
    (said,) = objections(full, "c")
    assert "the others would be 85 % full, needed at most 80 %" in said


def test_nobody_leaves_while_data_do_not_answer() -> None:
    (said,) = objections(replace(THREE, inactive=2), "c")
    assert said == "2 placement groups do not answer now, so c may have what is missing."
    assert objections(replace(THREE, inactive=2, osds={}), "c") == []


def test_the_only_metadata_server_stays() -> None:
    assert "the only metadata server" in objections(replace(THREE, metadata=("a",)), "a")[0]


def test_the_cluster_forgets_osds_host_and_monitor() -> None:
    assert removal(THREE, "c") == [
        ("osd", "purge", "2", "--yes-i-really-mean-it"),
        ("osd", "purge", "3", "--yes-i-really-mean-it"),
        ("osd", "crush", "rm", "c"),
        ("mon", "remove", "c"),
    ]
    assert entities("c") == ("mgr.c", "mds.c", "client.host.c")


def test_the_answers_of_a_cluster_are_read() -> None:
    answers: dict[str, Any] = {
        "status": {
            "quorum_names": ["a"],
            "pgmap": {
                "pgs_by_state": [{"state_name": "active+clean", "count": 3}, {"state_name": "peering", "count": 2}]
            },
        },
        "monitors": {"mons": [{"name": "a"}]},
        "osds": {
            "nodes": [
                {"id": -1, "type": "root", "name": "default", "children": [-2]},
                {"id": -2, "type": "host", "name": "a", "children": [0]},
                {"id": 0, "type": "osd", "name": "osd.0", "status": "up", "kb": 100, "kb_used": 10},
            ],
            "stray": [],
        },
        "filesystems": {
            "standbys": [{"name": "b"}],
            "filesystems": [{"mdsmap": {"info": {"gid_1": {"name": "a"}}}}],
        },
    }
    assert cluster(answers, {}) == Cluster(
        osds={"a": (Osd(0, True, 100, 10),)},
        voters=("a",),
        agreeing=("a",),
        pools={},
        metadata=("a", "b"),
        inactive=2,
    )
