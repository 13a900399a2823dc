"""The keys of a PostgreSQL cluster in a real etcd."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from postgresql_failover.decision import Leader, Position, Quorum, Rule, Told
from postgresql_failover.store import Settings, Store

from lab import mirror
from tests.support import eventually

LEASE = 2
"""Seconds; etcd grants none that is shorter."""


def quorum(term: int, primary: str) -> Quorum:
    return Quorum(term, primary, (Rule(frozenset("abc") - {primary}, 1),))


FIRST, LED = quorum(1, "a"), quorum(2, "a")


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
    """A cluster in which "a" leads for the second term, and is not announced."""
    assert members["a"].begin(FIRST)
    members["a"].look()
    assert members["a"].lead(LED)
    members["a"].look()
    return members


def test_a_cluster_is_made_once_and_led_by_nobody_at_first(members: dict[str, Store]) -> None:
    seen = members["b"].look()
    assert (seen.leader, seen.quorum, seen.told, seen.silence) == (None, None, {}, 0)
    assert members["a"].begin(FIRST)
    assert not members["b"].begin(quorum(1, "b"))
    seen = members["b"].look()
    assert (seen.leader, seen.quorum) == (None, FIRST)


def test_only_who_leads_announces_itself(begun: dict[str, Store]) -> None:
    assert begun["b"].look().leader == Leader("a", 2, ready=False)
    assert not begun["b"].announce(2)
    assert not begun["a"].announce(3)
    assert begun["a"].announce(2)
    assert begun["b"].look().leader == Leader("a", 2, ready=True)


def test_a_lease_that_nobody_renews_ends_and_one_member_takes_it(begun: dict[str, Store]) -> None:
    eventually(lambda: begun["b"].look().leader is None, 4 * LEASE, "the lease has ended")
    assert begun["b"].look().quorum == LED
    assert begun["c"].look().quorum == LED
    assert begun["b"].lead(quorum(3, "b"))
    assert not begun["c"].lead(quorum(3, "c"))
    assert begun["a"].look().leader == Leader("b", 3, ready=False)


def outlast_the_lease(members: dict[str, Store]) -> None:
    end = members["b"]._clock() + 2.5 * LEASE
    ended = "time has passed"
    eventually(lambda: members["b"].look().leader is None or members["b"]._clock() > end, 10 * LEASE, ended)


def test_a_lease_is_kept_by_looking(begun: dict[str, Store]) -> None:
    held = begun["a"]._lease
    end = begun["a"]._clock() + 2.5 * LEASE
    eventually(lambda: begun["a"].look().leader is None or begun["a"]._clock() > end, 10 * LEASE, "time has passed")
    assert begun["b"].look().leader == Leader("a", 2, ready=False) and begun["a"]._lease == held


def test_a_lease_is_kept_while_something_takes_its_time(begun: dict[str, Store]) -> None:
    with begun["a"].renewing():
        outlast_the_lease(begun)
    assert begun["b"].look().leader == Leader("a", 2, ready=False)


def test_nobody_leads_on_what_has_changed_since_it_looked(begun: dict[str, Store]) -> None:
    begun["a"].resign()
    for name in "bc":
        begun[name].look()
    assert begun["b"].lead(quorum(3, "b"))
    begun["b"].resign()
    assert not begun["c"].lead(quorum(3, "c"))
    assert begun["c"].look().quorum == quorum(3, "b")
    assert begun["c"].lead(quorum(4, "c"))


def test_only_who_leads_changes_what_candidates_need(begun: dict[str, Store]) -> None:
    both = replace(LED, rules=(*LED.rules, Rule(frozenset("b"), 1)))
    begun["b"].look()
    assert not begun["b"].change(both)
    assert begun["a"].change(both)
    assert not begun["a"].change(LED), "it has not looked since"
    assert begun["a"].look().quorum == both
    assert begun["a"].change(LED)


def test_no_two_leaders_get_one_timeline(begun: dict[str, Store]) -> None:
    assert [begun["a"].reserve(2), begun["a"].reserve(2), begun["a"].reserve(9)] == [2, 3, 9]
    begun["b"].look()
    assert begun["b"].reserve(2) == 0
    begun["a"].resign()
    begun["b"].look()
    assert begun["b"].lead(quorum(3, "b"))
    begun["b"].look()
    assert begun["b"].reserve(2) == 10


def test_what_a_member_says_of_itself_ends_with_it(begun: dict[str, Store]) -> None:
    told = Told(1, Position(1, 500), fit=False)
    assert begun["b"].tell(told)
    assert begun["c"].look().told == {"b": told}
    eventually(lambda: begun["c"].look().told == {}, 4 * LEASE, "the position has ended")


def test_a_wish_for_another_leader_outlives_the_next_leader_and_ends_with_who_wished(begun: dict[str, Store]) -> None:
    assert begun["c"].ask("b")
    assert begun["a"].announce(2)
    assert begun["b"].look().wish == "b"
    begun["c"].resign()
    assert begun["b"].look().wish == ""


def test_a_cluster_is_forgotten_only_while_nobody_leads(begun: dict[str, Store]) -> None:
    assert not begun["c"].forget()
    begun["a"].resign()
    assert begun["c"].forget()
    assert begun["b"].look().quorum is None


def test_without_an_answer_the_silence_grows_from_the_last_request_that_was_answered(etcd: str) -> None:
    now = 100.0
    settings = Settings([etcd], "/silence", "a", LEASE, 0.5)
    store = Store(settings, clock=lambda: now)
    assert store.look().silence == 0
    store._endpoints = [f"http://127.0.0.1:{free_port()}"]
    now = 103.0
    assert store.look().silence == 3
    assert not store.tell(Told()) and not store.begin(FIRST) and store.reserve(2) == 0
    store._endpoints = [etcd]
    assert store.look().silence == 0 and store.begin(FIRST)
