"""Build the machine image, and run guests by hand in the fabric without OpenStack."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from lab.machine import byhand, guest, image


def main() -> int:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m lab.machine", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build", help="build the image and import it into podman")
    run = verbs.add_parser("run", help="boot a guest on the bridge dev0 (10.64.9.0/24)")
    run.add_argument("name")
    run.add_argument("address", help="for example 10.64.9.11")
    remove = verbs.add_parser("rm", help="remove guests with all their data")
    remove.add_argument("names", nargs="+")
    reboot = verbs.add_parser("reboot", help="power a guest off and on")
    reboot.add_argument("name")
    verbs.add_parser("list", help="list the guests")
    arguments = parser.parse_args()
    started = time.monotonic()
    try:
        return act(arguments, started)
    except (RuntimeError, subprocess.SubprocessError) as problem:
        print(problem, file=sys.stderr)
        return 1


def act(arguments: argparse.Namespace, started: float) -> int:
    """Carry one verb out."""
    if arguments.verb == "build":
        print(f"{image.ensure()} ({time.monotonic() - started:.1f} s)")
    elif arguments.verb == "run":
        byhand.run(arguments.name, arguments.address)
        print(f"{byhand.ssh_command(arguments.address)}   # answers after {time.monotonic() - started:.1f} s")
    elif arguments.verb == "rm":
        for name in arguments.names:
            byhand.remove(name)
    elif arguments.verb == "reboot":
        byhand.reboot(arguments.name)
    else:
        for found in guest.known():
            print(f"{found.name:20} {found.uuid:36} {'running' if guest.is_running(found) else 'stopped'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
