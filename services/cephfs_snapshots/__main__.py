"""Makes today's snapshot of each folder and removes the oldest ones."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from cephfs_snapshots.folder import mounted
from cephfs_snapshots.turn import turn

SETTINGS = Path("/etc/cephfs-snapshots/settings.json")


def main() -> int:
    """Read the settings, take one turn and say what was done."""
    grammar = argparse.ArgumentParser(prog="cephfs-snapshots", description=__doc__)
    grammar.add_argument("--settings", type=Path, default=SETTINGS)
    settings = json.loads(grammar.parse_args().settings.read_text(encoding="utf-8"))
    for folder in settings["folders"]:
        with mounted(settings["filesystem"], folder, settings["user"], settings["keyring"]) as snapshots:
            for line in turn(snapshots, settings["keep"], datetime.now(UTC).date()):
                print(f"{folder}: {line}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
