"""Command line of the artifact mirror: ``python -m lab.mirror build|publish|list|serve-here|lock-upstream``."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from lab import mirror, settings
from lab.mirror import upstream

say = partial(print, flush=True)


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    root = argparse.ArgumentParser(prog="python -m lab.mirror", description="The artifact mirror of the lab.")
    commands = root.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="make what is missing, publishing after every artifact")
    build.add_argument("--keep-caches", action="store_true", help="keep the compiler's caches when all is made")
    commands.add_parser("publish", help="lay out what has been made so far")
    commands.add_parser("list", help="every artifact of the lock, and whether it has been made")
    here = commands.add_parser("serve-here", help="publish and serve in this network namespace, until interrupted")
    here.add_argument("--address", default=settings.FABRIC_ADDRESS)
    lock = commands.add_parser(
        "lock-upstream",
        help="record the digests that the upstream projects publish (needs a machine that reaches their hosts)",
        description="Unproven until it has run on a connected machine: the lab's cannot reach the upstream hosts.",
    )
    lock.add_argument("--accept-changed", action="store_true", help="record a digest that differs from before")
    for command in ("build", "publish", "serve-here"):
        commands.choices[command].add_argument("--folder", type=Path, default=mirror.PUBLISHED)
    return root


def show() -> None:
    """Print one line for each artifact."""
    makes = mirror.builder()
    for item in map(mirror.recipe, mirror.locked()):
        record = makes.made(item)
        state = f"{record['size'] / 1e6:7.1f} MB {record['digest'][:19]}" if record else "        not made yet"
        what = item.artifact
        say(f"{what.kind:6} {what.name:28} {what.version:9} {state}  {what.address}")


def serve_here(folder: Path, address: str) -> int:
    """Run the servers in the foreground; end both when one ends or on a signal."""
    mirror.need_commands(mirror.SERVE_COMMANDS)
    mirror.publish(folder)
    servers = mirror.programs(folder, address)
    running = [subprocess.Popen(server.command, env={**os.environ, settings.PROCESS_MARK: "1"}) for server in servers]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        deadline = time.monotonic() + 30
        while not all(server.ready() for server in servers):
            if time.monotonic() > deadline or any(process.poll() is not None for process in running):
                say(f"mirror: the servers do not answer on {address}")
                return 1
            time.sleep(0.2)
        say(f"mirror: files http://{address}:{settings.ARTIFACT_PORT} images http://{address}:{settings.REGISTRY_PORT}")
        while all(process.poll() is None for process in running):
            time.sleep(1)
    except KeyboardInterrupt:
        return 0
    finally:
        for process in running:
            process.terminate()
    return 1


def lock_upstream(accept_changed: bool) -> int:
    """Write roles/artifact/files/digests_upstream.yml; print what went wrong."""
    target = mirror.LOCK.with_name("digests_upstream.yml")
    failures = upstream.record(mirror.locked(), target, upstream.Upstream().digest, accept_changed)
    for line in failures:
        say(f"lock-upstream: {line}")
    return 1 if failures else 0


def main() -> int:
    """Run the command."""
    arguments = parser().parse_args()
    if arguments.command == "list":
        show()
    elif arguments.command == "publish":
        say(f"mirror: {len(mirror.publish(arguments.folder))} artifacts published below {arguments.folder}")
    elif arguments.command == "serve-here":
        return serve_here(arguments.folder, arguments.address)
    elif arguments.command == "lock-upstream":
        return lock_upstream(arguments.accept_changed)
    else:
        if arguments.keep_caches:
            os.environ[mirror.KEEP_CACHES] = "1"
        mirror.ensure(say, after_each=partial(mirror.publish, arguments.folder))
        mirror.publish(arguments.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
