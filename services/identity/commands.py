"""What an administrator does to accounts and groups. Each is one transaction."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

COLUMNS = ("issuer", "subject", "name", "number")
NUMBER, LARGEST = re.compile("[1-9][0-9]*"), 2**31 - 1
NEARLY_FULL = 0.95
"""Which part of a quota is worth a word."""


LISTS = {
    "accounts": """
SELECT row_to_json(found) FROM (
    SELECT number, issuer, subject, name, left_at, folder, folder_quota_bytes AS quota_bytes
    FROM identity.account ORDER BY number) found
""",
    "groups": """
SELECT row_to_json(found) FROM (
    SELECT number, issuer, name, folder, folder_quota_bytes AS quota_bytes FROM identity.team ORDER BY number) found
""",
}
WAITING = """
SELECT 'home ' || number FROM identity.account
WHERE asked < now() - interval '1 minute' AND (left_at IS NULL) <> (folder = 'present')
UNION ALL
SELECT 'group folder ' || number FROM identity.team WHERE asked < now() - interval '1 minute' AND folder = 'none'
"""
TAKE_OVER = """
INSERT INTO identity.account (issuer, subject, name, number)
VALUES (%(issuer)s, %(subject)s, %(name)s, %(number)s) ON CONFLICT DO NOTHING
"""
TAKEN = """
SELECT issuer, subject, number FROM identity.account
WHERE number = %(number)s OR (issuer, subject) = (%(issuer)s, %(subject)s)
"""
CHANGES = {
    "leave": "UPDATE identity.account SET left_at = coalesce(left_at, now()), asked = now() WHERE number = %(number)s",
    "return": "UPDATE identity.account SET left_at = NULL, asked = now() WHERE number = %(number)s",
    "quota": "UPDATE identity.account SET quota_bytes = %(bytes)s, asked = now() WHERE number = %(number)s",
}
"""What is asked for an account, by the command's word."""


class CommandError(Exception):
    """What was asked for cannot be done; the message says why, and what is needed."""


def listed(cursor: Any, used: Callable[[str, int], int]) -> dict[str, list[dict[str, Any]]]:
    """All accounts and groups with their folders, quotas and sizes in bytes and, of who left, when.

    ``used`` tells the size of the folder of one of the ``accounts`` or ``groups``.
    """
    found = {}
    for kind, query in LISTS.items():
        cursor.execute(query)
        found[kind] = [{**row, "used_bytes": used(kind, row["number"])} for (row,) in cursor.fetchall()]
    return found


def report(cursor: Any, used: Callable[[str, int], int]) -> dict[str, Any]:
    """How many there are, folders that somebody waits for since a minute, and those that are nearly full."""
    everything = listed(cursor, used)
    cursor.execute(WAITING)
    return {
        "accounts": sum(not one["left_at"] for one in everything["accounts"]),
        "groups": len(everything["groups"]),
        "waiting": [text for (text,) in cursor.fetchall()],
        "nearly_full": [
            f"{kind} {one['number']} ({one['name']})"
            for kind, ones in everything.items()
            for one in ones
            if one["quota_bytes"] and one["used_bytes"] > NEARLY_FULL * one["quota_bytes"]
        ],
    }


def rows_of(path: Path) -> list[dict[str, str]]:
    """The accounts of a file with the columns issuer, subject, name and number. Raises CommandError naming the line."""
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise CommandError(f"{path} begins with {reader.fieldnames}. Needed: the columns {','.join(COLUMNS)}.")
        rows = []
        for row in reader:
            whole = None not in row and all(row.values())
            if not whole or not NUMBER.fullmatch(row["number"]) or int(row["number"]) > LARGEST:
                raise CommandError(
                    f"{path}, line {reader.line_num}: {row}. Needed: four values, the last of them from 1 to {LARGEST}."
                )
            rows.append(row)
    return rows


def take_over(cursor: Any, rows: Iterable[dict[str, str]]) -> int:
    """Have accounts with the numbers that a site gave them before, all or none; how many are new.

    Raises CommandError where a number is another one's, or an account has another one.
    """
    new = 0
    for row in rows:
        cursor.execute(TAKE_OVER, row)
        new += cursor.rowcount
        cursor.execute(TAKEN, row)
        found = cursor.fetchall()
        if found != [(row["issuer"], row["subject"], int(row["number"]))]:
            raise CommandError(
                f"{row['name']} is to have the number {row['number']}, but there is {found}. Nothing was taken over."
            )
    return new


def change(cursor: Any, word: str, number: int, gib: int = 0) -> None:
    """Ask for something else for an account (``CHANGES``). Raises CommandError where nobody has the number."""
    cursor.execute(CHANGES[word], {"number": number, "bytes": gib << 30})
    if not cursor.rowcount:
        raise CommandError(f"No account has the number {number}. See identity list.")
