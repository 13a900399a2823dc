"""The client: commits one row after the other through libpq's list of hosts, and writes down what was acknowledged.

``python -m lab.chaos.writer CONNINFO FILE FIRST`` appends a line of JSON for each acknowledged commit, until it is
ended. A commit that does not end within ``PATIENCE`` seconds is given up by closing the connection: what became of it
is unknown, and its number is never used again. It is not cancelled, since a server answers a cancelled wait for
standbys as if it were committed.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psycopg

PATIENCE = 4.0
INSERT = """
INSERT INTO client (n) VALUES (%s) RETURNING host(inet_server_addr()),
  ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int, pg_current_wal_insert_lsn()::text
"""


class Watch:
    """Closes the socket of a connection under a commit that takes too long, from a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket = -1
        self._until = 0.0
        threading.Thread(target=self._run, daemon=True).start()

    def begin(self, number: int) -> None:
        """Watch the socket from now on."""
        with self._lock:
            self._socket, self._until = number, time.monotonic() + PATIENCE

    def end(self) -> None:
        """Watch it no longer."""
        with self._lock:
            self._socket = -1

    def _run(self) -> None:
        while True:
            time.sleep(0.05)  # the watch's own beat, without an end
            with self._lock, contextlib.suppress(OSError):
                if self._socket >= 0 and time.monotonic() > self._until:
                    socket.socket(fileno=os.dup(self._socket)).shutdown(socket.SHUT_RDWR)
                    self._socket = -1


def write(conninfo: str, path: Path, first: int) -> None:
    """Commit for ever."""
    watch, numbers = Watch(), itertools.count(first)
    with path.open("a", encoding="utf-8", buffering=1) as record:
        while True:
            with contextlib.suppress(psycopg.Error), psycopg.connect(conninfo, autocommit=True) as connection:
                commit(connection, watch, record, numbers)
            watch.end()
            time.sleep(0.05)  # the pause of a client that connects again


def commit(connection: psycopg.Connection, watch: Watch, record: IO[str], numbers: Iterator[int]) -> None:
    """Commit until the server warns. Raises psycopg.Error."""
    warnings: list[str] = []

    def note(notice: psycopg.errors.Diagnostic) -> None:
        warnings.append(str(notice.severity))

    connection.add_notice_handler(note)
    while not warnings:
        number = next(numbers)
        sent = time.monotonic()
        watch.begin(connection.fileno())
        row = connection.execute(INSERT, (number,), prepare=True).fetchone()
        watch.end()
        if row and not warnings:
            record.write(json.dumps([number, *row, sent, time.monotonic()]) + "\n")


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
