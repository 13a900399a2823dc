"""Puts the folders of a mount that has just been made where pods have those of a dead one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from shared_filesystem_pods.mountinfo import Mount, at, of_devices
from shared_filesystem_pods.namespaces import clone, namespaces, put

FORMER = Path("/run/shared-filesystem/devices")
"""The devices of all mounts since the host booted, a line each. Nothing else is taken for a mount that has died."""


def replace(one: Mount, mount: str, process: int) -> None:
    """Put the same folder of the mount in the place of a dead one's. Raises OSError where it cannot be."""
    tree = clone(f"{mount}/{one.folder}", one.restrictions)
    try:
        put(tree, process, one.place)
    finally:
        os.close(tree)


def heal(mount: str, former: Path = FORMER) -> None:
    """Give every namespace its folders again. What cannot be done is said, and others go on."""
    current = at(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape"), mount)
    devices = set(former.read_text(encoding="ascii").split()) if former.exists() else set()
    dead = devices - {current.device}
    for process, text in namespaces() if dead else ():
        for one in of_devices(text, dead):
            try:
                replace(one, mount, process)
            except OSError as problem:
                print(f"{one.place} of process {process} stays dead: {problem}", file=sys.stderr)
            else:
                print(f"{one.place} of process {process} shows {one.folder} again")
    former.parent.mkdir(parents=True, exist_ok=True)
    former.write_text("\n".join(sorted(devices | {current.device})), encoding="ascii")


if __name__ == "__main__":
    heal(sys.argv[1])
