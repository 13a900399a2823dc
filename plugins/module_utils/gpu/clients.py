# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Programs of a host that use its cards: what they do while these are cut, and how they learn of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ansible.module_utils.basic import AnsibleModule


class ClientError(RuntimeError):
    """A program that uses the cards does not let go of them; the message has the remedy."""


@contextmanager
def stopped(module: AnsibleModule, services: list[str]) -> Iterator[None]:
    """Stop those of the services that run, and start them again. Raises ClientError where one cannot be stopped."""
    listing = ["systemctl", "list-units", "--state=active", "--plain", "--no-legend", "--full", *services]
    lines = module.run_command(listing)[1].splitlines() if services else []
    names = [line.split()[0] for line in lines if line.strip()]
    try:
        if names and module.run_command(["systemctl", "stop", *names])[0]:
            raise ClientError(
                f"services that use the cards do not stop: {', '.join(names)}. Remedy: see systemctl status."
            )
        yield
    finally:
        if names and module.run_command(["systemctl", "start", *names])[0]:
            module.warn(f"services that use the cards do not start again: {', '.join(names)}. Remedy: systemctl start.")


@contextmanager
def told(module: AnsibleModule, programs: list[str]) -> Iterator[None]:
    """Have programs look at the cards again afterwards, whatever has come of it; those that do not run need not.

    A program is known by the last word of its command line, with its folder or without.
    """
    try:
        yield
    finally:
        if programs:
            pattern = f"(^|/)({'|'.join(map(re.escape, programs))})$"
            status = module.run_command(["pkill", "--signal", "HUP", "--full", pattern])[0]
            if status > 1:  # 1: none runs
                module.warn(f"{', '.join(programs)} could not be told of the cut. Remedy: restart them.")
