"""What the failover agent keeps of a server and sees of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from postgresql_failover import guard, processes, server
from postgresql_failover.decision import Position, Rule
from postgresql_failover.files import CONFIGURATION, Kept, State, names_of
from postgresql_failover.health import STABLE, STARTS, STEADY, Health
from postgresql_failover.history import NO_TIMELINE, branched, lsn
from postgresql_failover.report import report
from postgresql_failover.server import PostgreSQL
from postgresql_failover.settings import Settings, load

RULE = Rule(frozenset({"db-2", "db-3"}), 1)
STREAMS, STARTED = "postgres: walreceiver streaming 0/3000060", "postgres: walreceiver"
IDLE = "postgres: walreceiver idle"
"""The title of one whose sender has no more for it, as PostgreSQL 15 and 17 show it."""


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a host whose folders are the test's."""
    document = {
        "me": "db-1", "members": {"db-1": "192.0.2.1", "db-2": "192.0.2.2"}, "confirmations": 1, "etcd": ["http://e"],
        "prefix": "/postgresql/x", "certificate": "", "key": "", "authority": "", "programs": "/nowhere",
        "data": str(tmp_path / "data"), "wal": "", "configuration": "/nowhere", "state": str(tmp_path), "unit": "x",
        "user": "root", "socket": str(tmp_path), "port": 5432, "conninfo": "user=replication", "restore": "",
        "lease": 4, "t1": 3.0, "interval": 0.5, "timeout": 0.1, "patience": 5.0, "room": 0,
    }  # fmt: skip
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return load(str(path))


def test_a_setting_that_nobody_knows_is_named(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"etcd": [], "colour": "blue"}', encoding="utf-8")
    with pytest.raises(ValueError, match="colour"):
        load(str(path))


def test_a_member_is_reached_by_the_name_of_its_certificate(settings: Settings) -> None:
    wanted = "host=db-2 hostaddr=192.0.2.2 port=5432 dbname=postgres application_name=db-1 user=replication"
    assert settings.reach("db-2", "postgres") == wanted


def test_what_is_kept_of_a_server_comes_back(tmp_path: Path) -> None:
    kept = Kept(str(tmp_path))
    assert kept.state() == State()
    kept.write(rule=RULE, settled=True, upstream="db-2")
    kept.write(cut_off=7, upstream="")
    assert Kept(str(tmp_path)).state() == State(cut_off=7, rule=RULE, settled=True)


def test_the_configuration_says_who_confirms_and_whom_it_follows(tmp_path: Path) -> None:
    kept = Kept(str(tmp_path))
    kept.write(rule=RULE, term=7)
    kept.configure("host=db-2", "fetch '%f'")
    text = (tmp_path / CONFIGURATION).read_text(encoding="utf-8")
    assert "primary_conninfo = 'host=db-2'\n" in text
    assert "restore_command = 'fetch ''%f'''\n" in text
    assert 'synchronous_standby_names = \'ANY 1 ("db-2@7", "db-3@7")\'\n' in text
    assert names_of(None, 3) == names_of(Rule(RULE.standbys, 0), 3) == ""


def test_a_receiver_that_stays_at_work_receives(settings: Settings) -> None:
    clock = Clock()
    health = Health(settings, clock)
    health.begins_to_receive()
    assert health.receiving({7: STARTED}) and not health.streams
    clock.now += STEADY
    assert health.receiving({7: STARTED}) and health.streams
    clock.now += 4
    assert health.receiving({8: STREAMS}) and not health.streams
    clock.now += STEADY
    assert health.receiving({8: STREAMS}) and health.streams


@pytest.mark.parametrize("later", [{9: STARTED}, {8: IDLE}, {}], ids=["a new one", "one that is idle", "none"])
def test_one_that_begins_again_and_again_or_waits_receives_nothing(settings: Settings, later: dict[int, str]) -> None:
    clock = Clock()
    health = Health(settings, clock)
    health.begins_to_receive()
    for found in 4 * ({8: STREAMS}, later):
        clock.now += 0.75
        receives = health.receiving(found)
        assert not health.streams
    assert not receives


def test_standbys_are_too_few_from_when_that_was_first_seen(settings: Settings) -> None:
    clock = Clock()
    health = Health(settings, clock)
    assert health.short(frozenset({"db-2"})) == 0
    clock.now += 3
    assert health.short(frozenset()) == 0
    clock.now += 2
    assert health.short(frozenset()) == 2
    assert health.short(None) == 0
    assert health.short(frozenset()) == 0


def test_a_primary_that_answers_nobody_is_stuck_after_a_while(settings: Settings) -> None:
    clock = Clock()
    health = Health(settings, clock)
    assert health.stuck(running=True, primary=True) == ""
    clock.now += 6
    assert health.stuck(running=True, primary=True) == "it has answered nobody for 6.0 s"
    assert health.stuck(running=True, primary=False) == ""


def test_a_server_that_does_not_stay_up_is_stuck_and_one_that_did_is_not(settings: Settings) -> None:
    clock = Clock()
    health = Health(settings, clock)
    for _start in range(STARTS):
        assert health.stuck(running=False, primary=True) == ""
        health.starts()
    assert health.stuck(running=False, primary=True) == f"it ended {STARTS} times soon after its start"
    clock.now += STABLE + 1
    health.stuck(running=True, primary=False)
    assert health.stuck(running=False, primary=True) == ""


def test_a_file_system_without_room_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert Health(settings, Clock()).full() == ""
    greedy = Settings(**{**vars(settings), "room": 1 << 62})
    assert Health(greedy, Clock()).full().startswith(f"{tmp_path}/data has ")


def process(proc: Path, number: int, cwd: str, program: str, title: str) -> None:
    """Make what /proc says of a process."""
    folder = proc / str(number)
    folder.mkdir(parents=True)
    (folder / "cwd").symlink_to(cwd)
    (folder / "exe").symlink_to(program)
    (folder / "cmdline").write_bytes(title.encode() + b"\0\0")


def test_a_servers_processes_are_known_by_their_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    process(tmp_path / "proc", 7, str(data), "/usr/lib/postgresql/17/bin/postgres", "postgres -D x")
    process(tmp_path / "proc", 8, str(data), "/usr/lib/postgresql/17/bin/postgres", "postgres: walreceiver ")
    process(tmp_path / "proc", 9, str(data), "/usr/bin/bash", "bash")
    process(tmp_path / "proc", 10, "/elsewhere", "/usr/lib/postgresql/17/bin/postgres", "postgres")
    found = processes.of_server(str(data), tmp_path / "proc")
    assert found == {7: "postgres -D x", 8: "postgres: walreceiver"}
    assert processes.postmaster(str(data), found) == 0
    (data / "postmaster.pid").write_text("7\n/x\n", encoding="ascii")
    assert processes.postmaster(str(data), found) == 7
    assert processes.postmaster(str(data), {8: ""}) == 0, "its postmaster is dead"


def test_the_guard_takes_what_it_cannot_read_for_nothing_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "ANSWERED", tmp_path / "answered")
    assert guard.noted(5.0) == 5.0
    guard.note(12.5)
    assert guard.noted(5.0) == 12.5
    (tmp_path / "answered").write_text("", encoding="ascii")
    assert guard.noted(5.0) == 5.0


SAYS = json.dumps({"version": "17.6 (Debian 17.6-1)", "pending_restart": ["max_connections"]})


@pytest.mark.parametrize(
    ("installed", "waits"),
    [
        ("17.6 (Debian 17.6-1)", ["max_connections"]),
        (
            "17.7 (Debian 17.7-1)",
            ["max_connections", "the program (17.6 (Debian 17.6-1) runs, 17.7 (Debian 17.7-1) is installed)"],
        ),
    ],
)
def test_a_server_is_asked_once_for_all_that_it_says(
    settings: Settings, tmp_path: Path, installed: str, waits: list[str]
) -> None:
    scripts = {
        "psql": f"echo once >>{tmp_path}/calls\necho '{SAYS}'",
        "postgres": f"echo 'postgres (PostgreSQL) {installed}'",
    }
    for name, script in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    assert report(replace(settings, programs=str(tmp_path)))["pending_restart"] == waits
    assert (tmp_path / "calls").read_text(encoding="utf-8") == "once\n"


def test_a_server_that_says_nothing_is_told_with_the_reason(settings: Settings, tmp_path: Path) -> None:
    psql = tmp_path / "psql"
    psql.write_text("#!/bin/sh\necho the database system is starting up >&2\nexit 2\n", encoding="utf-8")
    psql.chmod(0o755)
    assert "is starting up" in report(replace(settings, programs=str(tmp_path)))["problem"]
    assert "No such file" in report(settings)["problem"]


def test_what_was_passed_over_for_a_promotion_that_did_not_happen_is_forgotten(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "data" / "pg_wal"
    log.mkdir(parents=True)
    (tmp_path / "data" / "PG_VERSION").touch()
    for timeline, text in {3: NO_TIMELINE, 4: "3\t0/2000000\tno recovery target specified\n", 5: NO_TIMELINE}.items():
        (log / f"{timeline:08X}.history").write_text(text, encoding="utf-8")
    monkeypatch.setattr(server, "SOON", 0.1)
    monkeypatch.setattr(server, "run", lambda *_words, **_options: "")
    PostgreSQL(settings, clock=lambda: 0.0).start()
    assert [path.name for path in sorted(log.iterdir())] == ["00000003.history", "00000004.history"]


def test_a_log_is_a_part_of_the_leaders_up_to_where_that_branched_off() -> None:
    text = "1\t0/3000000\tno recovery target specified\n\n3\t0/5000000\tno recovery target specified\n"
    leads = Position(4, lsn("0/6000000"))
    for timeline, end in ((1, "0/3000000"), (3, "0/5000000"), (4, "0/6000000")):
        assert branched(Position(timeline, lsn(end)), leads, text) == ""
        assert f"on timeline {timeline}" in branched(Position(timeline, lsn(end) + 1), leads, text)
    assert branched(Position(2, 1), leads, text).endswith("branched off elsewhere")
    assert branched(Position(5, lsn("0/5000000")), leads, text).endswith("branched off elsewhere")
    assert lsn("1/10") == (1 << 32) + 16
