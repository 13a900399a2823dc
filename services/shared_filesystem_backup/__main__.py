"""Backs the shared filesystem's last snapshots up, or says how the last backup went."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared_filesystem_backup.turn import BackupError, Settings, back_up, newest

SETTINGS = Path("/etc/shared-filesystem-backup/settings.json")
PLACE = Path("/run/shared-filesystem-backup")
"""Where the unit has the filesystem mounted, in ``all``, and each snapshot under its folder's name."""


def main() -> int:
    """Read the settings and do what is asked; the exit status."""
    grammar = argparse.ArgumentParser(prog="shared-filesystem-backup", description=__doc__)
    grammar.add_argument("--settings", type=Path, default=SETTINGS)
    commands = grammar.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="make a backup and print the report")
    commands.add_parser("restic", help="run restic with the repository's address and password").add_argument(
        "words", nargs=argparse.REMAINDER
    )
    arguments = grammar.parse_args()
    settings = Settings(**json.loads(arguments.settings.read_text(encoding="utf-8")))
    if arguments.command == "restic":
        os.execvpe("restic", ["restic", *arguments.words], environment(settings))  # noqa: S606 (its own program)
    report = run(settings)
    keep(settings, report)
    print(json.dumps(report, indent=2, sort_keys=True))
    return 0 if report["ok"] else 1


def run(settings: Settings) -> dict[str, Any]:
    """Make a backup; the report, of a failure too."""
    report: dict[str, Any] = {"ok": False, "problem": "", "began": time.time()}
    try:
        with snapshots(settings) as places:
            report |= back_up(lambda *words: restic(settings, *words), settings, places)
        report["ok"] = True
    except (BackupError, OSError) as problem:
        report["problem"] = str(problem)
    report["ended"] = time.time()
    return report


@contextlib.contextmanager
def snapshots(settings: Settings) -> Iterator[dict[str, str]]:
    """Mount the filesystem and the last snapshot of each folder; where, with the snapshots' names.

    In a mount namespace of this process, so that all of it ends with the process. Raises BackupError.
    """
    whole = PLACE / "all"
    whole.mkdir(parents=True, exist_ok=True)
    command("ceph-fuse", "--id", settings.user, "--client_fs", settings.filesystem, str(whole))
    try:
        places = {}
        for folder in settings.folders:
            place = PLACE / folder.strip("/")
            place.mkdir(parents=True, exist_ok=True)
            name = newest([path.name for path in Path(f"{whole}{folder}/.snap").iterdir()], folder)
            command("mount", "--bind", f"{whole}{folder}/.snap/{name}", str(place))
            places[str(place)] = name
        yield places
    finally:
        for folder in settings.folders:
            subprocess.run(["umount", "--lazy", str(PLACE / folder.strip("/"))], capture_output=True, check=False)
        subprocess.run(["umount", "--lazy", str(whole)], capture_output=True, check=False)


def environment(settings: Settings) -> dict[str, str]:
    """What restic is told by its environment: address, password and whatever the address needs."""
    lines = Path(settings.environment_file).read_text(encoding="utf-8").splitlines()
    more = dict(line.split("=", 1) for line in lines if "=" in line)
    return {
        **os.environ,
        "RESTIC_REPOSITORY": settings.repository,
        "RESTIC_PASSWORD_FILE": settings.password_file,
        "RESTIC_CACHE_DIR": f"{settings.folder}/cache",
        **more,
    }


def restic(settings: Settings, *words: str) -> str:
    """Run restic; what it printed. Raises BackupError."""
    return command("restic", *words, environment=environment(settings))


def command(*words: str, environment: dict[str, str] | None = None) -> str:
    """Run a program; what it printed. Raises BackupError."""
    done = subprocess.run(words, env=environment, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise BackupError(f"'{' '.join(words[:2])}' ended with {done.returncode}: {said[-600:]}")
    return done.stdout


def keep(settings: Settings, report: dict[str, Any]) -> None:
    """Write a report, in the place of the one before."""
    path = Path(settings.folder) / "result.json"
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(report), encoding="utf-8")
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main())
