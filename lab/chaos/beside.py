"""Runs on a database host: commits to the server there, whatever it is, and writes down what was acknowledged.

``python3 beside.py HOST FILE`` appends ``HOST NUMBER TIMELINE SECONDS`` for each acknowledged commit.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

INSERT = (
    "INSERT INTO beside (host, n) VALUES ('{host}', {number}) RETURNING n || ' '"
    " || ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int;\n"
)


class Session:
    """A session with the server on this host."""

    def __init__(self) -> None:
        self._client = subprocess.Popen(
            ["runuser", "-u", "postgres", "--", "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", "postgres"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def ask(self, statement: str) -> list[str]:
        """Return the words of the answer; none where the session has ended."""
        if not self._client.stdin or not self._client.stdout:
            return []
        try:
            self._client.stdin.write(statement)
            self._client.stdin.flush()
        except BrokenPipeError:
            return []
        return self._client.stdout.readline().split()

    def close(self) -> None:
        """End it."""
        self._client.kill()
        self._client.wait()


def write(host: str, path: Path) -> None:
    """Commit for ever, a hundred times a second at most."""
    number, session = int(time.monotonic() * 1000), Session()
    with path.open("a", encoding="utf-8", buffering=1) as record:
        while True:
            number += 1
            answer = session.ask(INSERT.format(host=host, number=number))
            if len(answer) == 2:
                record.write(f"{host} {answer[0]} {answer[1]} {time.monotonic()!r}\n")
                time.sleep(0.01)  # the pace of this writer
            else:
                session.close()
                time.sleep(0.2)  # the pause of a client that connects again
                session = Session()


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
