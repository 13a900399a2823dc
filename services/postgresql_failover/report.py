"""What the server of this host says when it is asked: who follows it and how far, what it archives, what it ignores."""

from __future__ import annotations

import json
from typing import Any

from postgresql_failover.commands import ServerError, run
from postgresql_failover.settings import Settings

STANDBYS = """
SELECT coalesce(json_object_agg(application_name, json_build_object('state', state, 'sync_state', sync_state,
  'lag_bytes', pg_current_wal_lsn() - replay_lsn, 'lag_s', coalesce(extract(epoch FROM replay_lag), 0))), '{}')
FROM (SELECT DISTINCT ON (application_name) * FROM pg_stat_replication
  WHERE state <> 'backup' ORDER BY application_name, replay_lsn DESC NULLS LAST) standbys
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
REPORT = f"""
SELECT json_build_object(
  'system_identifier', (SELECT system_identifier::text FROM pg_control_system()),
  'pending_restart', (SELECT coalesce(json_agg(name ORDER BY name), '[]') FROM pg_settings WHERE pending_restart),
  'paused', CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END,
  'position', CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn() - '0/0' END,
  'standbys', CASE WHEN NOT pg_is_in_recovery() THEN ({STANDBYS}) END,
  'archiver', CASE WHEN NOT pg_is_in_recovery() THEN ({ARCHIVER}) END)
"""  # noqa: S608  of constants


def report(settings: Settings) -> dict[str, Any]:
    """Return what the server says, or ``{"problem": why it says nothing}``.

    ``{"system_identifier", "pending_restart": [setting], "paused", "position", "standbys", "archiver"}``; the last
    three are None for a standby. ``standbys`` are ``{member: {"state", "sync_state", "lag_bytes", "lag_s"}}``.
    """
    try:
        return dict(json.loads(run(settings.psql(REPORT), timeout=5.0, user=settings.user)))
    except (ServerError, OSError) as problem:
        return {"problem": str(problem)}
