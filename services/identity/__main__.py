"""Makes folders of accounts and groups, and answers an administrator."""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from identity import commands
from identity.agent import Policy, turn
from identity.folders import FoldersError, mounted
from identity.schema import migrate

SETTINGS = Path("/etc/identity/settings.json")
LOOKS_S = 10.0
"""How often it looks without being told, as a home whose time is over tells nobody."""


def grammar() -> argparse.ArgumentParser:
    """What may be typed."""
    parser = argparse.ArgumentParser(prog="identity", description=__doc__)
    parser.add_argument("--settings", type=Path, default=SETTINGS)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("serve", help="make folders as they are wanted, for ever")
    verbs.add_parser("list", help="all accounts and groups, one JSON document")
    verbs.add_parser("report", help="what is waited for and what is nearly full, one JSON document")
    take = verbs.add_parser("import", help="take over accounts with the numbers that they have at this site")
    take.add_argument("file", type=Path, help=f"CSV with the columns {','.join(commands.COLUMNS)}")
    for verb, text in (("leave", "archive a home; its account cannot log in"), ("return", "have both back")):
        verbs.add_parser(verb, help=text).add_argument("number", type=int)
    quota = verbs.add_parser("quota", help="give a home another quota")
    quota.add_argument("number", type=int)
    quota.add_argument("gib", type=int, help="GiB, 0 for none")
    return parser


def alive() -> None:
    """Tell systemd that this goes on; a call of the filesystem that never returns would keep others waiting."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.sendto(b"WATCHDOG=1", address.replace("@", "\0", 1))


def say(line: str) -> None:
    """Say what was done, to people and to systemd."""
    print(line, flush=True)
    alive()


def serve(connection: Any, settings: dict[str, Any]) -> None:
    """Make folders until something is wrong or a signal comes; systemd begins anew then."""
    # By leaving, and not by being killed, it gives back what the metadata servers would else wait a minute for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    version = migrate(connection, settings["first_account"], settings["first_group"])
    print(f"the database has version {version}", flush=True)
    policy = Policy(**settings["policy"])
    connection.execute("LISTEN identity")
    with mounted(settings["filesystem"], settings["user"], settings["keyring"], alive) as folders:
        while True:
            alive()
            turn(connection, folders, policy, say)
            select.select([connection], [], [], LOOKS_S)


def told(connection: Any, settings: dict[str, Any], verb: str) -> str:
    """A document about all there is."""
    with (
        mounted(settings["filesystem"], settings["user"], settings["keyring"]) as folders,
        connection.transaction(),
        connection.cursor() as cursor,
    ):
        tell = commands.listed if verb == "list" else commands.report
        return json.dumps(tell(cursor, folders.used), indent=2)


def done(connection: Any, words: argparse.Namespace) -> str:
    """Do what an administrator asks for, all or nothing; what to say. Raises CommandError."""
    with connection.transaction(), connection.cursor() as cursor:
        if words.verb == "import":
            return f"{commands.take_over(cursor, commands.rows_of(words.file))} accounts are new"
        commands.change(cursor, words.verb, words.number, getattr(words, "gib", 0))
        return f"{words.verb}: {words.number}"


def main() -> int:
    """Serve, or answer once."""
    words = grammar().parse_args()
    settings = json.loads(words.settings.read_text(encoding="utf-8"))
    import psycopg  # of the distribution, and only where this runs

    try:
        with psycopg.connect(settings["database"], autocommit=True) as connection:
            if words.verb == "serve":
                serve(connection, settings)
            elif words.verb in {"list", "report"}:
                print(told(connection, settings, words.verb))
            else:
                print(done(connection, words))
    except (commands.CommandError, FoldersError, psycopg.Error) as problem:
        print(f"identity: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
