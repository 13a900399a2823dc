"""What the server of this host says when it is asked: who follows it and how far, what it archives, what it ignores."""

from __future__ import annotations

import json
from typing import Any

from postgresql_failover.commands import ServerError, run
from postgresql_failover.settings import Settings

STANDBYS = """
SELECT coalesce(json_object_agg(member, json_build_object('state', state, 'sync_state', sync_state,
  'lag_bytes', pg_current_wal_lsn() - replay_lsn, 'lag_s', coalesce(extract(epoch FROM replay_lag), 0))), '{}')
FROM (SELECT DISTINCT ON (member) * FROM pg_stat_replication, split_part(application_name, '@', 1) AS member
  WHERE state <> 'backup' ORDER BY member, replay_lsn DESC NULLS LAST) standbys
"""
"""A standby that is being copied has more than one connection; the one that replays counts."""
ARCHIVER = """
SELECT json_build_object('mode', current_setting('archive_mode'),
  'failed', failed_count, 'last_failed', last_failed_wal,
  'fails', last_failed_time IS NOT NULL AND last_failed_time > coalesce(last_archived_time, '-infinity'),
  'archived', last_archived_wal, 'archived_s', extract(epoch FROM now() - last_archived_time),
  'waiting', waiting.segments, 'waiting_s', coalesce(extract(epoch FROM now() - waiting.oldest), 0))
FROM pg_stat_archiver, (SELECT count(*) AS segments, min(modification) AS oldest
  FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready') waiting
"""
LOWERED = """
SELECT coalesce(json_agg(DISTINCT name), '[]') FROM pg_settings JOIN (
  SELECT DISTINCT ON (name) name, setting AS wanted FROM pg_file_settings ORDER BY name, seqno DESC) files USING (name)
WHERE pending_restart AND wanted ~ '^[0-9]+$' AND wanted::bigint < setting::bigint AND name IN ('max_connections',
  'max_worker_processes', 'max_wal_senders', 'max_prepared_transactions', 'max_locks_per_transaction')
"""
"""A standby with a lower one of these than its primary does not start
(https://www.postgresql.org/docs/17/hot-standby.html#HOT-STANDBY-ADMIN)."""
PENDING = """
SELECT coalesce(json_agg(name ORDER BY name), '[]') FROM pg_settings
WHERE pending_restart AND name NOT LIKE 'recovery_target%'
"""
"""Where a recovery was to end means nothing once it has ended, whether or not it is forgotten by a restart."""
REPORT = f"""
SELECT json_build_object(
  'version', current_setting('server_version'), 'lowered', ({LOWERED}),
  'system_identifier', (SELECT system_identifier::text FROM pg_control_system()),
  'pending_restart', ({PENDING}),
  'paused', CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END,
  'position', CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn() - '0/0' END,
  'standbys', CASE WHEN NOT pg_is_in_recovery() THEN ({STANDBYS}) END,
  'archiver', CASE WHEN NOT pg_is_in_recovery() THEN ({ARCHIVER}) END)
"""  # noqa: S608  of constants


def report(settings: Settings) -> dict[str, Any]:
    """Return what the server says, or ``{"problem": why it says nothing}``.

    ``{"version", "system_identifier", "pending_restart": [what waits], "lowered": [setting], "paused", "position",
    "standbys", "archiver"}``; the last three are None for a standby. ``standbys`` are ``{member: {"state",
    "sync_state", "lag_bytes", "lag_s"}}``. What waits for a restart are settings, and a program that was replaced.
    """
    try:
        said = dict(json.loads(run(settings.psql(REPORT), timeout=5.0, user=settings.user)))
        installed = run([f"{settings.programs}/postgres", "--version"]).partition("(PostgreSQL) ")[2].strip()
    except (ServerError, OSError) as problem:
        return {"problem": str(problem)}
    if installed != said["version"]:
        said["pending_restart"].append(f"the program ({said['version']} runs, {installed} is installed)")
    return said
