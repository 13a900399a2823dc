"""Supervisord's configuration and the order of starting."""

from __future__ import annotations

from configparser import ConfigParser

from lab import package_proxy, supervise
from lab.programs import Program


def program(name: str, *after: str, **more: str) -> Program:
    return Program(name, ["/bin/sh", "-c", "echo 100% 'done'"], lambda: True, environment=more, after=after)


def test_a_program_carries_the_mark_and_survives_quoting() -> None:
    parser = ConfigParser(interpolation=None)
    parser.read_string(supervise.render_program(program("one", TOKEN='a"b%c')))
    section = parser["program:one"]
    assert section["command"] == "/bin/sh -c 'echo 100%% '\"'\"'done'\"'\"''"
    assert section["environment"] == 'AI_INFN_LAB="1",TOKEN="a\\"b%%c"'
    assert section["killasgroup"] == "true"


def test_a_program_starts_only_when_what_it_needs_is_ready() -> None:
    programs = [program("api", "database", "bus"), program("database"), program("bus")]
    assert [p.name for p in supervise.startable(programs, set(), set())] == ["database", "bus"]
    assert supervise.startable(programs, {"database", "bus"}, {"database"}) == []
    assert [p.name for p in supervise.startable(programs, {"database", "bus"}, {"database", "bus"})] == ["api"]


def test_what_another_phase_started_is_not_waited_for_again() -> None:
    assert [p.name for p in supervise.startable([program("api", "database")], set(), set())] == ["api"]


def test_guests_get_packages_only_from_the_machines_own_archives() -> None:
    sources = "deb http://deb.example/debian trixie main\ndeb https://secure.example/debian trixie main\n"
    hosts = package_proxy.hosts_of(sources)
    assert hosts == ["deb.example"]
    text = package_proxy.configuration(
        hosts, package_proxy.name_servers("nameserver 192.0.2.53\nnameserver 2001:db8::53\n")
    )
    assert "deb.example 1;" in text
    assert "resolver 192.0.2.53 [2001:db8::53] ipv6=off;" in text
    assert "default 0;" in text
