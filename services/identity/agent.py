"""Makes folders what the database says, a row at a time and only one host for each row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from identity.folders import Folders


@dataclass(frozen=True)
class Policy:
    """What holds where the database says nothing: quotas in bytes, 0 for none, and how long homes are archived."""

    home_quota: int
    group_quota: int
    archive_days: int


HOMES = """
SELECT number, coalesce(quota_bytes, %(home_quota)s), left_at IS NOT NULL, folder FROM identity.account
WHERE (left_at IS NULL
       AND (folder <> 'present' OR folder_quota_bytes IS DISTINCT FROM coalesce(quota_bytes, %(home_quota)s)))
   OR (left_at IS NOT NULL AND folder = 'present')
   OR (folder = 'archived' AND left_at < now() - make_interval(days => %(archive_days)s))
ORDER BY left_at NULLS FIRST, number LIMIT 1 FOR UPDATE SKIP LOCKED
"""
GROUPS = """
SELECT number, coalesce(quota_bytes, %(group_quota)s) FROM identity.team
WHERE folder <> 'present' OR folder_quota_bytes IS DISTINCT FROM coalesce(quota_bytes, %(group_quota)s)
ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED
"""
NOTED = "UPDATE identity.{table} SET folder = %s, folder_quota_bytes = %s WHERE number = %s"


def next_home(cursor: Any, folders: Folders, policy: Policy) -> str:
    """Take the next home that is not as it should be; what was done, or nothing."""
    cursor.execute(HOMES, vars(policy))
    row = cursor.fetchone()
    if row is None:
        return ""
    number, quota, left, folder = row
    note = NOTED.format(table="account")
    if not left:
        folders.have_home(number, quota)
        cursor.execute(note, ("present", quota, number))
        return f"home {number} has a quota of {quota} bytes"
    if folder == "present":
        folders.archive_home(number)
        cursor.execute(note, ("archived", None, number))
        return f"home {number} is in the archive"
    folders.remove_archived(number)
    cursor.execute(note, ("removed", None, number))
    return f"home {number} is removed"


def next_group(cursor: Any, folders: Folders, policy: Policy) -> str:
    """Take the next group folder that is not as it should be; what was done, or nothing."""
    cursor.execute(GROUPS, vars(policy))
    row = cursor.fetchone()
    if row is None:
        return ""
    number, quota = row
    folders.have_group(number, quota)
    cursor.execute(NOTED.format(table="team"), ("present", quota, number))
    return f"group folder {number} has a quota of {quota} bytes"


def turn(connection: Any, folders: Folders, policy: Policy, say: Callable[[str], None]) -> int:
    """Do all there is to do, each in a transaction of its own; how many it was.

    A folder that is made and not noted, since a host died in between, is made again, which changes nothing.
    """
    done = 0
    for take in (next_home, next_group):
        while True:
            with connection.transaction(), connection.cursor() as cursor:
                line = take(cursor, folders, policy)
            if not line:
                break
            say(line)
            done += 1
    return done
