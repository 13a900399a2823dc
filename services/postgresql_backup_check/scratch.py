"""A server in a scratch folder, which a backup is restored into."""

from __future__ import annotations

import json
import re
import shutil
import time
from typing import Any

from postgresql_backup_check.commands import CheckError, Settings, run
from postgresql_backup_check.repository import NEAR

PORT = "5432"
"""Part of the socket's name only."""
HBA = "local all all peer\n"
LIKE_THE_PRIMARY = {
    "max_connections": "max_connections",
    "max_worker_processes": "max_worker_processes",
    "max_wal_senders": "max_wal_senders",
    "max_prepared_transactions": "max_prepared_xacts",
    "max_locks_per_transaction": "max_locks_per_xact",
}
"""Settings that the log may need as they were, and their names in what pg_controldata prints."""
SEEN = """
SELECT json_build_object(
  'newest', extract(epoch FROM pg_last_xact_replay_timestamp()),
  'databases', (SELECT json_agg(datname ORDER BY datname) FROM pg_database WHERE datallowconn))
"""


class Scratch:
    """The server and its folder; whatever fails raises CheckError."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.scratch
        self._data = settings.scratch / "data"
        self._log = settings.scratch / "log"

    def restore(self, label: str) -> None:
        """Put a backup in place; each of its files must have the checksum that it had."""
        self._data.mkdir(mode=0o700, parents=True)
        tablespaces = f"--tablespace-map-all={self._folder}/tablespaces"
        run([*self._here(), f"--set={label}", "--type=default", tablespaces, "restore"])
        (self._data / "postgresql.auto.conf").write_text("", encoding="utf-8")
        for name, text in {"hba": HBA, "ident": "", "conf": self._configuration()}.items():
            (self._folder / name).write_text(text, encoding="utf-8")

    def replay(self) -> None:
        """Start the server, and return when it has replayed the log to its end and is a primary."""
        deadline = time.monotonic() + self._settings.timeout
        try:
            self._control("start", "--wait", f"--log={self._log}", f"--options=--config-file={self._folder}/conf")
            while not self._answers() and time.monotonic() < deadline:
                self._control("status")
                time.sleep(0.2)  # the pace of asking, with the deadline above
            self.ask("postgres", "SELECT 1")
        except CheckError as problem:
            raise CheckError(f"{problem}; the server said: {self._last_words()}") from problem

    def ended(self) -> tuple[int, int]:
        """Return the timeline and the position at which the log ended, as the history of its own timeline says."""
        histories = sorted((self._data / "pg_wal").glob("*.history"))
        if not histories:
            raise CheckError("the server has begun no timeline of its own")
        return branch(histories[-1].read_text(encoding="utf-8"))

    def seen(self) -> dict[str, Any]:
        """Return the ``databases``, and when the ``newest`` transaction of the log was, None for none."""
        return dict(json.loads(self.ask("postgres", SEEN)))

    def ask(self, database: str, statement: str) -> str:
        """Run a statement."""
        psql = [self._settings.program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement]
        return run(psql, PGDATABASE=database, **self._reach())

    def amcheck(self) -> None:
        """Have all tables and B-tree indexes of all databases looked at, in depth."""
        options = ["--all", "--install-missing", "--heapallindexed", "--parent-check", "--no-password"]
        run([self._settings.program("pg_amcheck"), *options], **self._reach())

    def control(self) -> dict[str, str]:
        """Return the control file, by the names that pg_controldata prints."""
        lines = run([self._settings.program("pg_controldata"), str(self._data)]).splitlines()
        return {name: value.strip() for name, _colon, value in (line.partition(":") for line in lines)}

    def checksums(self) -> int:
        """Have the server end, and the checksum of every page looked at; how many there are."""
        self._control("stop", "--wait", "--mode=fast")
        said = run([self._settings.program("pg_checksums"), "--check", f"--pgdata={self._data}"])
        found = re.search(r"^Blocks scanned:\s+(\d+)$", said, re.MULTILINE)
        return int(found.group(1)) if found else 0

    def remove(self) -> None:
        """End the server if it runs, and remove the folder."""
        if (self._data / "postmaster.pid").exists():
            try:
                self._control("stop", "--wait", "--mode=immediate")
            except CheckError:
                # A file that a server has left which is dead.
                if self._answers():
                    raise
        if self._folder.exists():
            shutil.rmtree(self._folder)

    def _configuration(self) -> str:
        control = self.control()
        fetch = " ".join([*self._here(), 'archive-get %f "%p"'])
        settings = {
            "data_directory": str(self._data),
            "hba_file": f"{self._folder}/hba",
            "ident_file": f"{self._folder}/ident",
            "listen_addresses": "",
            "port": PORT,
            "unix_socket_directories": str(self._folder),
            "unix_socket_permissions": "0700",
            "archive_mode": "off",
            "restore_command": fetch,
            "hot_standby": "off",
            "max_wal_size": "256MB",
            "autovacuum": "off",
            "fsync": "off",
            "timezone": "UTC",
            **{name: control[f"{known} setting"] for name, known in LIKE_THE_PRIMARY.items()},
        }
        return "".join("{} = '{}'\n".format(name, value.replace("'", "''")) for name, value in settings.items())

    def _here(self) -> list[str]:
        # The repository's own configuration says that the server is elsewhere.
        return self._settings.pgbackrest(f"--repo={NEAR}", "--reset-pg1-host", f"--pg1-path={self._data}")

    def _control(self, act: str, *options: str) -> None:
        run([self._settings.program("pg_ctl"), act, "--silent", f"--pgdata={self._data}", *options])

    def _answers(self) -> bool:
        try:
            return self.ask("postgres", "SELECT 1") == "1"
        except CheckError:
            return False

    def _reach(self) -> dict[str, str]:
        return {"PGHOST": str(self._folder), "PGPORT": PORT, "PGUSER": self._settings.user}

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines() if self._log.exists() else []
        grave = [line for line in lines if "FATAL" in line or "PANIC" in line]
        return " ".join((grave or lines)[-3:]) or "nothing"


def branch(history: str) -> tuple[int, int]:
    """Return the timeline and the position where a timeline has begun, by its history file's last line."""
    timeline, position = history.strip().splitlines()[-1].split()[:2]
    high, low = position.split("/")
    return int(timeline), (int(high, 16) << 32) + int(low, 16)
