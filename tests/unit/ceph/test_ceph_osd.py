"""Which devices become OSDs, and which are refused."""

from __future__ import annotations

import json

from plugins.module_utils.ceph.osd import Draft, Label, label_of, objection

OURS, OTHER = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
UUID = "33333333-3333-3333-3333-333333333333"
LABEL = {
    "osd_uuid": UUID,
    "size": 4294967296,
    "description": "main",
    "ceph_fsid": OURS,
    "whoami": "7",
    "osd_key": "secret",
    "mkfs_done": "yes",
    "ready": "ready",
}


def test_the_label_says_which_osd_it_is() -> None:
    assert label_of(json.dumps({"/dev/vdb": LABEL})) == Label(OURS, UUID, 7, complete=True)


def test_one_that_was_interrupted_is_not_complete() -> None:
    early = {name: LABEL[name] for name in ("osd_uuid", "size", "description")}
    assert label_of(json.dumps({"/dev/vdb": early})) == Label("", UUID, None, complete=False)


def test_a_device_without_a_label_has_none() -> None:
    assert label_of("unable to read label for /dev/vdb: (2) No such file or directory") is None


def test_an_empty_device_and_one_of_this_cluster_are_taken() -> None:
    label = label_of(json.dumps({"/dev/vdb": LABEL}))
    assert objection("/dev/vdb", None, "", None, OURS) == ""
    assert objection("/dev/vdb", label, "", None, OURS) == ""


def test_what_this_host_has_begun_is_gone_on_with() -> None:
    begun = Label("", UUID, None, complete=False)
    assert objection("/dev/vdb", begun, "", Draft(UUID, "key"), OURS) == ""


def test_what_somebody_else_has_on_it_is_refused_with_the_remedy() -> None:
    assert "not empty: TYPE=ext4" in objection("/dev/vdb", None, "TYPE=ext4", None, OURS)
    assert f"an OSD of the cluster {OURS}, and this cluster is {OTHER}" in objection(
        "/dev/vdb", label_of(json.dumps({"/dev/vdb": LABEL})), "", None, OTHER
    )
    begun = Label("", UUID, None, complete=False)
    assert "dd if=/dev/zero of=/dev/vdb" in objection("/dev/vdb", begun, "", None, OURS)
