"""Makes the first server of a cluster, from which the others are copied."""

from __future__ import annotations

from pathlib import Path

from postgresql_failover import processes
from postgresql_failover.commands import ServerError, run
from postgresql_failover.files import Kept, State, empty
from postgresql_failover.settings import Settings

REPLICATION = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'replication') THEN
    CREATE ROLE replication LOGIN REPLICATION;
  END IF;
END $$;
GRANT pg_checkpoint TO replication;
GRANT EXECUTE ON FUNCTION pg_ls_dir(text, boolean, boolean), pg_stat_file(text, boolean), pg_read_binary_file(text),
  pg_read_binary_file(text, bigint, bigint, boolean) TO replication;
"""
"""The role by which members copy, stream and rewind; the functions are those that pg_rewind needs."""


RESTORED = "restored"
"""File in the agent's folder that says that the data come from a backup, and are what the cluster begins with."""


def make(settings: Settings) -> None:
    """Have a primary without standbys run; repeated after an interruption it goes on. Raises ServerError."""
    made, restored = (Path(settings.state) / name for name in ("made", RESTORED))
    if restored.exists():
        restored.rename(made)
    elif not made.exists():
        _initialize(settings)
        made.touch()
    kept = Kept(settings.state)
    kept.write(**vars(State()))  # whatever the data were before
    kept.configure()
    run(["systemctl", "start", settings.unit], timeout=60)
    answers = processes.wait_for(lambda: processes.answers(settings.socket, settings.port, 1.0), 30, 0.1)
    if not answers:
        raise ServerError(f"the first server does not answer; see journalctl --unit {settings.unit}")
    run(settings.psql(REPLICATION), user=settings.user)


def _initialize(settings: Settings) -> None:
    # Data that no interrupted run of this has begun are somebody's.
    begun = Path(settings.state) / "initializing"
    if (Path(settings.data) / "PG_VERSION").exists() and not begun.exists():
        raise ServerError(
            f"etcd knows no cluster, but there are data in {settings.data}. They are left alone. Remedy: restore etcd's"
            " data; or move those of all members away, to begin anew"
        )
    begun.touch()
    for folder in filter(None, (settings.wal, settings.data)):
        empty(Path(folder), settings.user)
    log = [f"--waldir={settings.wal}"] if settings.wal else []
    command = [f"{settings.programs}/initdb", f"--pgdata={settings.data}", *log, "--data-checksums"]
    run([*command, "--encoding=UTF8", "--locale=C.UTF-8", "--auth=reject"], timeout=120, user=settings.user)
