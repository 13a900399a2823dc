"""The check of the last backup, and what a person or a playbook asks of it."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from dataclasses import asdict
from typing import Any

from postgresql_backup_check.commands import CheckError, Settings, become, load
from postgresql_backup_check.proof import check, keep, kept, refused
from postgresql_backup_check.repository import NEAR, free_bytes, look, missing_programs, problems
from postgresql_backup_check.scratch import Scratch

SETTINGS = "/etc/postgresql-backup-check/settings.json"


def main() -> int:
    """Read the settings and do what is asked; the exit status."""
    grammar = argparse.ArgumentParser(prog="postgresql-backup-check", description=__doc__)
    grammar.add_argument("--settings", default=SETTINGS)
    commands = grammar.add_subparsers(dest="command", required=True)
    commands.add_parser("status", help="print the backups and the report of the last check as one JSON document")
    commands.add_parser("run", help="restore the last backup, look at what comes back, remove it, and print the report")
    arguments = grammar.parse_args()
    settings = load(arguments.settings)
    become(settings.user)
    try:
        document = status(settings) if arguments.command == "status" else run(settings)
    except CheckError as problem:
        print(problem, file=sys.stderr)
        return 1
    print(json.dumps(document, indent=2, sort_keys=True))
    return 0 if document.get("ok", True) else 1


def status(settings: Settings) -> dict[str, Any]:
    """Return the backups, what speaks against a check of the last one, and the report of the last check."""
    found = look(settings)
    return {
        "stanza": settings.stanza,
        "now": time.time(),
        "code": found.code,
        "message": found.message,
        "backups": [asdict(backup) for backup in found.backups],
        "problems": problems(settings, found, free_bytes(settings.scratch), missing_programs(settings)),
        "check": kept(settings),
    }


def run(settings: Settings) -> dict[str, Any]:
    """Check the last backup, keep the report and return it."""
    signal.signal(signal.SIGTERM, interrupted)
    found = look(settings, f"--repo={NEAR}")
    against = problems(settings, found, free_bytes(settings.scratch), missing_programs(settings))
    report = refused(against) if against else check(found.near[-1], Scratch(settings))
    keep(settings, report)
    return report


def interrupted(_number: int, _frame: object) -> None:
    """Have the check end as after any failure."""
    raise CheckError("it was ended before it was done")


if __name__ == "__main__":
    sys.exit(main())
