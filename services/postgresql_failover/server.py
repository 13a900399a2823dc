"""The PostgreSQL server of this host, as its agent looks at it and moves it."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from postgresql_failover import history, processes
from postgresql_failover.commands import ServerError, identity, run
from postgresql_failover.decision import Position, Rule, Server
from postgresql_failover.files import Kept, empty, name_of, names_of, write
from postgresql_failover.health import Health
from postgresql_failover.settings import Settings
from postgresql_failover.statements import AT_THE_END, CONFIRMED, KEEPING_UP, OLD_SENDERS, POSITION, STREAMING

log = logging.getLogger(__name__)

SOON, PROMOTION = 5.0, 60.0
"""Seconds that a server may take to begin or to end, and to be promoted."""
STAYS = 0.6
"""Seconds for which the same receiver is at work only if it receives."""


class PostgreSQL:
    """The server, its data and its settings. What fails raises ServerError; the next round tries again."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._kept = Kept(settings.state)
        self._data = Path(settings.data)
        self._health = Health(settings, clock)
        self._tried: dict[str, int] = {}
        self._clock = clock
        self._streamed: tuple[float, frozenset[str] | None] = (-settings.interval, None)

    def look(self) -> Server:
        """Return what the server is."""
        state = self._kept.state()
        found = processes.of_server(self._settings.data)
        running = bool(processes.postmaster(self._settings.data, found))
        primary = self.has_data and not self._signal.exists() and not state.rejoining
        receiving = self._health.receiving(found) if running and state.upstream else True
        if running and not primary and state.upstream and self._health.streams:
            self._tried.clear()
        watches = running and primary and self._settings.degrade_after > 0
        streaming = self._streaming_if_it_answers() if watches else None
        return Server(
            running=running,
            primary=primary,
            upstream=state.upstream if receiving else "",
            cut_off=state.cut_off,
            relies=state.rule if state.settled else None,
            stuck=self._health.stuck(running, primary),
            full=self._health.full(),
            streaming=streaming or frozenset(),
            short=self._health.short(streaming),
            term=state.term,
        )

    @property
    def receives(self) -> str:
        """From whom it receives at this moment; empty for nobody."""
        first = self._receiver()
        stays = first and not processes.wait_for(lambda: self._receiver() != first, STAYS, 0.1)
        return self._kept.state().upstream if stays else ""

    @property
    def has_data(self) -> bool:
        """Whether there are data of a server, whatever their state."""
        return (self._data / "PG_VERSION").exists()

    def position(self) -> Position:
        """Return how far its log is on disk; on whatever timeline it would have to go on."""
        lsn, timeline = self._query(POSITION).split("|")
        return Position(int(timeline), int(lsn))

    def stop(self) -> None:
        """Kill all of its processes."""
        if not processes.kill(self._settings.data, SOON):
            raise ServerError("its processes cannot be killed")

    def hand_over(self, member: str) -> None:
        """End it in order, with all that it has written received by those that stream from it, this member too."""
        self._query("CHECKPOINT")
        if member not in self._standbys(KEEPING_UP):
            raise ServerError(f"{member} shall lead and does not keep up")
        number = processes.postmaster(self._settings.data, processes.of_server(self._settings.data))
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGINT)
        processes.wait_for(lambda: not processes.of_server(self._settings.data), 6 * SOON)
        self.stop()

    def start(self) -> None:
        """Start it as what it was."""
        self._usable()
        self._launch()

    def start_cut_off(self) -> None:
        """Start it as a standby that receives from nobody."""
        self._usable()
        self._kept.write(upstream="", cut_off=0)
        self._kept.configure()
        self._become_standby()
        self._launch()

    def cut_off(self, term: int) -> None:
        """Have it receive from nobody, and note that."""
        self._receive_from_nobody()
        self._kept.write(cut_off=term)

    def promote(self, rule: Rule, term: int, timeline: int) -> None:
        """Make it the primary, on this timeline unless its archive knows later ones."""
        self._kept.write(rule=rule, term=term, settled=False, upstream="", cut_off=0)
        self._kept.configure()
        last = self.position().timeline
        for passed in range(last + 1, timeline):
            history.pass_over(self._data / "pg_wal", passed, last, self._settings.user)
        self._reload()
        if self._query(f"SELECT pg_promote(true, {PROMOTION:.0f})", PROMOTION) != "t":
            raise ServerError(f"it was not promoted within {PROMOTION:.0f} s")
        # pg_rewind reads the new timeline from the control file, which has it after a checkpoint only.
        subprocess.Popen(self._psql("CHECKPOINT"), stdout=subprocess.DEVNULL, **identity(self._settings.user))

    def rely(self, rule: Rule, term: int) -> None:
        """Have commits need what the rule says, and wait for the earlier ones to be confirmed like that."""
        state, names = self._kept.state(), names_of(rule, term)
        if (state.rule, state.term) != (rule, term):
            self._kept.write(rule=rule, term=term, settled=False)
            self._kept.configure()
            self._reload()
            if not processes.wait_for(lambda: self._query("SHOW synchronous_standby_names") == names, SOON, 0.1):
                raise ServerError("it does not take its configuration over")
            self._query(OLD_SENDERS)  # they may still count as before
        end = self._query("SELECT pg_current_wal_flush_lsn()")
        listed = ", ".join(f"'{name_of(name, term)}'" for name in sorted(rule.standbys))
        confirmed = CONFIRMED.format(names=listed or "NULL", end=end)
        if not processes.wait_for(lambda: int(self._query(confirmed)) >= rule.confirmations, 1.0, 0.1):
            raise ServerError(f"{names} have not confirmed all that was written before")
        self._kept.write(settled=True)

    def follow(self, member: str, term: int) -> None:
        """Have a standby receive from a member; one that was told so and does not is made its standby anew.

        So is one whose log is no part of that member's: it would confirm what it has not got.
        """
        state = self._kept.state()
        if (state.upstream, state.term) == (member, term):
            self.rejoin(member, term)
            return
        self._receive_from_nobody()
        branched = history.branched(self.position(), *self._log_of(member))
        if branched:
            log.info("%s", branched)
            self._tried.setdefault(member, 1)
            self.rejoin(member, term)
            return
        self._kept.write(upstream=member, term=term, cut_off=0)
        self._receive_from(member, term)
        self._health.begins_to_receive()
        self._reload()

    def rejoin(self, member: str, term: int) -> None:
        """Make what is there a standby of a member: as it is, by rewinding it, or by a copy, whatever suffices."""
        if self._run(self._psql("SELECT pg_is_in_recovery()", self._settings.reach(member, "postgres"))) != "f":
            raise ServerError(f"{member} is no primary")
        self.stop()
        way = self._way(member)
        self._tried[member] = self._tried.get(member, 0) + 1
        if way is None:
            self.start_cut_off()  # and then follow, if its log is a part of the other one's
            return
        way(member, term)
        self._kept.write(upstream=member, term=term, cut_off=0)
        self._receive_from(member, term)
        self._become_standby()
        self._kept.write(rejoining=False)
        self._health.begins_to_receive()
        self._launch()

    def _standbys(self, which: str) -> frozenset[str]:
        return frozenset(self._query(which.format(term=self._kept.state().term)).split())

    def _log_of(self, member: str) -> tuple[Position, str]:
        """How far a member's log is, and the history of its timeline."""
        source = f"{self._settings.reach(member, 'replication')} replication=true"
        _system, timeline, end, *_database = self._run(self._psql("IDENTIFY_SYSTEM", source)).split("|")
        text = ""
        if int(timeline) > 1:
            text = self._run(self._psql(f"TIMELINE_HISTORY {timeline}", source)).partition("|")[2]
        return Position(int(timeline), history.lsn(end)), text

    def _streaming_if_it_answers(self) -> frozenset[str] | None:
        # A primary that hangs is not one with too few standbys: another one shall lead then.
        asked, found = self._streamed
        if self._clock() - asked >= self._settings.interval:
            found = None
            with contextlib.suppress(ServerError):
                found = self._standbys(STREAMING)
            self._streamed = self._clock(), found
        return found

    def _way(self, member: str) -> Callable[[str, int], None] | None:
        """How to have the data that a standby needs; None to leave them as they are."""
        ways: list[Callable[[str, int], None] | None] = [self._clone]
        if self.has_data and not self._kept.state().rejoining:
            ways.insert(0, self._rewind)
            if self._signal.exists():
                ways.insert(0, None)
        return ways[min(self._tried.get(member, 0), len(ways) - 1)]

    def _rewind(self, member: str, term: int) -> None:
        self._kept.write(rejoining=True)
        self._signal.unlink(missing_ok=True)  # a server in single-user mode, which pg_rewind may start, refuses it
        source = self._settings.reach(member, "postgres")
        self._run(self._psql("CHECKPOINT", source), PROMOTION)
        command = [self._program("pg_rewind"), f"--target-pgdata={self._data}", f"--source-server={source}"]
        self._receive_from(member, term)  # with it pg_rewind has the command that fetches what was removed from the log
        archive = ["--restore-target-wal"] if self._settings.restore else []
        self._run([*command, *archive, f"--config-file={self._settings.configuration}"], None)

    def _clone(self, member: str, _term: int) -> None:
        self._kept.write(rejoining=True)
        for folder in filter(None, (self._settings.wal, self._settings.data)):
            empty(Path(folder), self._settings.user)
        source = self._settings.reach(member, "replication")
        command = [self._program("pg_basebackup"), f"--pgdata={self._data}", f"--dbname={source}"]
        log = [f"--waldir={self._settings.wal}"] if self._settings.wal else []
        self._run([*command, *log, "--wal-method=stream", "--checkpoint=fast"], None)

    def _receive_from_nobody(self) -> None:
        """Return once it receives no more and knows how far it is."""
        self._kept.write(upstream="", cut_off=0)
        self._kept.configure()
        self._reload()
        if not processes.wait_for(lambda: not self._receiver(), SOON):
            raise ServerError("it goes on receiving")
        if self._query(AT_THE_END) != "t":
            raise ServerError("it still replays what it has")
        if not processes.end_idle_receivers(self._settings.data, SOON):
            raise ServerError("a receiver that is idle does not end")

    def _receive_from(self, member: str, term: int) -> None:
        source = self._settings.reach(member, "replication", name_of(self._settings.me, term))
        self._kept.configure(source, self._settings.restore)

    def _usable(self) -> None:
        if not self.has_data:
            raise ServerError(f"there is no server in {self._data} yet")
        if self._kept.state().rejoining:
            raise ServerError("its data were being replaced: it needs a leader to become a standby of")

    def _launch(self) -> None:
        self.stop()
        history.forget_passed(self._data / "pg_wal")
        unit = self._settings.unit
        run(["systemctl", "stop", unit])
        run(["systemctl", "reset-failed", unit], check=False)  # there is nothing to reset after an end in order
        run(["systemctl", "start", "--no-block", unit])
        self._health.starts()
        processes.wait_for(lambda: bool(processes.of_server(self._settings.data)), SOON)

    def _become_standby(self) -> None:
        write(self._signal, "", user=self._settings.user)

    def _reload(self) -> None:
        number = processes.postmaster(self._settings.data, processes.of_server(self._settings.data))
        if not number:
            raise ServerError("it does not run")
        os.kill(number, signal.SIGHUP)

    def _receiver(self) -> int:
        return processes.receiver(processes.of_server(self._settings.data))

    @property
    def _signal(self) -> Path:
        return self._data / "standby.signal"

    def _query(self, statement: str, timeout: float = SOON) -> str:
        return self._run(self._psql(statement), timeout)

    def _psql(self, statement: str, conninfo: str = "") -> list[str]:
        return self._settings.psql(statement, conninfo)

    def _program(self, name: str) -> str:
        return f"{self._settings.programs}/{name}"

    def _run(self, command: Sequence[str], timeout: float | None = SOON) -> str:
        return run(command, timeout=timeout, user=self._settings.user)
