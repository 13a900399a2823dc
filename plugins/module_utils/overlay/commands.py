# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Commands by which a host takes over what was brought to it."""

from __future__ import annotations

import shlex

from ansible.module_utils.basic import AnsibleModule


class CommandError(Exception):
    """A command failed; the message says which and how."""


def run_all(module: AnsibleModule, commands: list[str]) -> None:
    """Run commands one after the other. Raises CommandError at the first that fails."""
    for command in commands:
        code, output, errors = module.run_command(shlex.split(command))
        if code != 0:
            raise CommandError(f"'{command}' ended with {code}: {(errors or output).strip()}")
