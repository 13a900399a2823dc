"""The keys of a PostgreSQL cluster in a real etcd."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing

import pytest
from postgresql_failover.decision import Leader, Position, Quorum
from postgresql_failover.store import Settings, Store

from lab import mirror
from tests.support import eventually

LEASE = 2
"""Seconds; etcd grants none that is shorter."""
FIRST = Quorum(1, "a", frozenset("bc"), 1)


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an etcd of its own."""
    client, peer = (f"http://127.0.0.1:{free_port()}" for _number in range(2))
    data = tmp_path_factory.mktemp("etcd")
    log = (data / "log").open("wb")
    command = [str(mirror.built_program("etcd")), "--data-dir", str(data / "data"), "--listen-client-urls", client]
    command += ["--advertise-client-urls", client, "--listen-peer-urls", peer]
    command += ["--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"]
    running = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        store = Store(Settings([client], "/wait", "x", LEASE, 0.5))
        eventually(lambda: store.look().silence == 0, 20, "etcd answers")
        yield client
    finally:
        running.terminate()
        running.wait()
        log.close()


@pytest.fixture
def members(etcd: str, request: pytest.FixtureRequest) -> dict[str, Store]:
    """Three members that have looked at a cluster without keys; the first endpoint of each answers nobody."""
    dead = f"http://127.0.0.1:{free_port()}"
    prefix = f"/{request.node.name}"
    stores = {name: Store(Settings([dead, etcd], prefix, name, LEASE, 0.5)) for name in "abc"}
    for store in stores.values():
        store.look()
    return stores


@pytest.fixture
def begun(members: dict[str, Store]) -> dict[str, Store]:
    assert members["a"].begin(FIRST)
    return members


def test_a_cluster_is_made_once(members: dict[str, Store]) -> None:
    seen = members["b"].look()
    assert (seen.leader, seen.quorum, seen.positions, seen.silence) == (None, None, {}, 0)
    assert members["a"].begin(FIRST)
    assert not members["b"].begin(Quorum(1, "b", frozenset("ac"), 1))
    assert members["b"].look().quorum == FIRST
    assert members["c"].look().leader == Leader("a", 1, ready=False)


def test_only_who_leads_announces_itself(begun: dict[str, Store]) -> None:
    assert not begun["b"].announce(1)
    assert not begun["a"].announce(2)
    assert begun["a"].announce(1)
    assert begun["b"].look().leader == Leader("a", 1, ready=True)


def test_a_lease_that_nobody_renews_ends_and_one_member_takes_it(begun: dict[str, Store]) -> None:
    eventually(lambda: begun["b"].look().leader is None, 4 * LEASE, "the lease has ended")
    assert begun["b"].look().quorum == FIRST
    assert begun["c"].look().quorum == FIRST
    assert begun["b"].lead(Quorum(2, "b", frozenset("ac"), 1))
    assert not begun["c"].lead(Quorum(2, "c", frozenset("ab"), 1))
    assert begun["a"].look().leader == Leader("b", 2, ready=False)


def test_a_lease_is_kept_by_looking(begun: dict[str, Store]) -> None:
    begun["a"].look()
    held = begun["a"]._lease
    end = begun["a"]._clock() + 2.5 * LEASE
    eventually(lambda: begun["a"].look().leader is None or begun["a"]._clock() > end, 10 * LEASE, "time has passed")
    assert begun["b"].look().leader == Leader("a", 1, ready=False) and begun["a"]._lease == held


def test_nobody_leads_on_what_has_changed_since_it_looked(begun: dict[str, Store]) -> None:
    begun["a"].resign()
    for name in "bc":
        begun[name].look()
    assert begun["b"].lead(Quorum(2, "b", frozenset("ac"), 1))
    begun["b"].resign()
    assert not begun["c"].lead(Quorum(2, "c", frozenset("ab"), 1))
    assert begun["c"].look().quorum == Quorum(2, "b", frozenset("ac"), 1)
    assert begun["c"].lead(Quorum(3, "c", frozenset("ab"), 1))


def test_positions_end_with_their_members(begun: dict[str, Store]) -> None:
    assert begun["b"].tell(1, Position(1, 500))
    assert begun["c"].look().positions == {"b": (1, Position(1, 500))}
    eventually(lambda: begun["c"].look().positions == {}, 4 * LEASE, "the position has ended")


def test_without_an_answer_the_silence_grows_from_the_last_request_that_was_answered(etcd: str) -> None:
    now = 100.0
    settings = Settings([etcd], "/silence", "a", LEASE, 0.5)
    store = Store(settings, clock=lambda: now)
    assert store.look().silence == 0
    store._endpoints = [f"http://127.0.0.1:{free_port()}"]
    now = 103.0
    assert store.look().silence == 3
    assert not store.tell(1, Position(1, 500)) and not store.begin(FIRST)
    store._endpoints = [etcd]
    assert store.look().silence == 0 and store.begin(FIRST)
