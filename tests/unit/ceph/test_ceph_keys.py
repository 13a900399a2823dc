"""Keys of daemons and clients: what is compared, and how a secret is written."""

from __future__ import annotations

import base64

import pytest

from plugins.module_utils.ceph.keys import Entity, Step, entities, plan, written

READER = {"mon": "allow r", "osd": "allow r pool=data"}


def test_a_key_that_is_missing_is_made_and_one_that_may_too_much_is_told_what_it_may() -> None:
    found = {"client.one": Entity("key", {"mon": "allow *"}), "client.other": Entity("key", {"mon": "allow *"})}
    assert plan(found, {"client.one": READER, "client.new": READER}) == [
        Step("allow", "client.one", READER),
        Step("make", "client.new", READER),
    ]


def test_what_is_as_declared_is_left_alone() -> None:
    assert plan({"client.one": Entity("key", READER)}, {"client.one": READER}, ("client.gone",)) == []


def test_who_shall_have_no_key_loses_it() -> None:
    assert plan({"client.one": Entity("key", READER)}, {}, ("client.one",)) == [Step("remove", "client.one", {})]


def test_an_answer_of_the_cluster_is_read() -> None:
    answer = {
        "auth_dump": [{"entity": "mds.a", "key": "k", "caps": {"mds": "allow *"}}, {"entity": "osd.0", "key": "l"}]
    }
    assert entities(answer) == {"mds.a": Entity("k", {"mds": "allow *"}), "osd.0": Entity("l", {})}


def test_a_secret_is_written_as_ceph_writes_it() -> None:
    # ceph-authtool --gen-print-key begins so in any second, but for the eight bytes of the time.
    raw = base64.b64decode(written(bytes(range(16))))
    assert raw == b"\x01\x00" + bytes(8) + b"\x10\x00" + bytes(range(16))


def test_a_secret_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="a secret has 16 bytes, not 15"):
        written(bytes(15))
