"""What the agent asks of its server."""

from __future__ import annotations

POSITION = """
SELECT greatest(coalesce(pg_last_wal_receive_lsn(), '0/0'), coalesce(pg_last_wal_replay_lsn(), '0/0')) - '0/0'::pg_lsn,
  (SELECT max(('x' || left(name, 8))::bit(32)::int) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$')
"""
AT_THE_END = """
SELECT pg_last_wal_receive_lsn() IS NOT NULL OR EXISTS (
  SELECT FROM pg_stat_activity WHERE backend_type = 'startup' AND wait_event = 'RecoveryRetrieveRetryInterval')
"""
"""Whether a standby that receives from nobody has replayed all; before that its position may be told too low."""
OLD_SENDERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'walsender' AND backend_start < now()
"""
STREAMING = """
SELECT string_agg(split_part(application_name, '@', 1), ' ') FROM pg_stat_replication
WHERE state = 'streaming' AND application_name LIKE '%@{term}'
"""
"""The standbys that receive what is written as it is written, and so can confirm it."""
KEEPING_UP = f"{STREAMING} AND sent_lsn - replay_lsn < 16 * 1024 * 1024"
"""Those of them that can lead at once: they have replayed nearly all."""
CONFIRMED = "SELECT count(*) FROM pg_stat_replication WHERE application_name IN ({names}) AND flush_lsn >= '{end}'"
