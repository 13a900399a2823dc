"""What the failover agent keeps of a server and sees of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from postgresql_failover import guard, processes
from postgresql_failover.decision import Rule
from postgresql_failover.files import CONFIGURATION, Kept, State, names_of
from postgresql_failover.health import STABLE, STARTS, Health
from postgresql_failover.report import report
from postgresql_failover.settings import Settings, load

RULE = Rule(frozenset({"db-2", "db-3"}), 1)
STREAMS, STARTED, WAITS = "walreceiver streaming 0/3000060", "postgres: walreceiver", "postgres: walreceiver waiting"


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
    Kept(str(tmp_path)).configure("host=db-2", RULE, "fetch '%f'")
    text = (tmp_path / CONFIGURATION).read_text(encoding="utf-8")
    assert "primary_conninfo = 'host=db-2'\n" in text
    assert "restore_command = 'fetch ''%f'''\n" in text
    assert 'synchronous_standby_names = \'ANY 1 ("db-2", "db-3")\'\n' in text
    assert names_of(None) == names_of(Rule(RULE.standbys, 0)) == ""


def test_a_receiver_that_stays_receives_and_one_that_is_new_each_time_does_not(settings: Settings) -> None:
    clock = Clock()
    health = Health(settings, clock)
    health.begins_to_receive()
    assert health.receiving({7: STARTED}) and not health.streams
    assert health.receiving({7: STARTED}) and health.streams
    clock.now += 4
    assert health.receiving({8: STARTED}) and not health.streams
    clock.now += 2
    assert not health.receiving({9: STARTED})
    assert not health.receiving({9: WAITS})
    assert health.receiving({10: STREAMS})


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
