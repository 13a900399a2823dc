# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Questions to a Ceph cluster through its command line, which every host of it has."""

from __future__ import annotations

import json
import os
from typing import Any, Callable

ADMIN = "client.admin"
ADMIN_KEYRING = "/etc/ceph/ceph.client.admin.keyring"
PATIENCE_S = 15
"""How long a question waits for monitors that agree on who leads them."""

Run = Callable[..., tuple]
"""``AnsibleModule.run_command``: takes the words and ``data`` for standard input; returns status, output and errors."""


class CephError(Exception):
    """A command failed; the message says which, and what it said."""


def has_begun() -> bool:
    """Tell whether this host has the administrator's key. Check mode knows nothing of a cluster that is yet to come."""
    return os.path.exists(ADMIN_KEYRING)


def call(run: Run, words: list[str], stdin: str = "") -> str:
    """Run a program of Ceph's and return its output. Raises CephError."""
    code, output, errors = run(words, data=stdin, binary_data=True) if stdin else run(words)
    if code != 0:
        said = [line for line in (errors or output).strip().splitlines() if line.strip()]
        raise CephError(f"'{' '.join(words[:6])}' ended with {code}: {' '.join(said[-3:])}")
    return str(output)


class Ceph:
    """A cluster as one of its users sees it."""

    def __init__(self, run: Run, user: str = ADMIN, keyring: str = "", patience: int = PATIENCE_S) -> None:
        self._run = run
        self._who = ["--name", user, "--connect-timeout", str(patience)]
        if keyring:
            self._who += ["--keyring", keyring]

    def ask(self, *words: str, stdin: str = "") -> Any:
        """Return the document that a command answers, None where it answers nothing. Raises CephError."""
        output = call(self._run, ["ceph", *self._who, "--format", "json", *words], stdin)
        return json.loads(output) if output.strip() else None

    def tell(self, *words: str, stdin: str = "") -> None:
        """Run a command whose answer does not matter. Raises CephError."""
        call(self._run, ["ceph", *self._who, *words], stdin)


def keep_running(run: Run, unit: str) -> None:
    """Have a unit run now and after each boot. Raises CephError."""
    call(run, ["systemctl", "enable", "--now", unit])


def keeps_running(run: Run, unit: str) -> bool:
    """Tell whether a unit runs and comes back at a boot."""
    return all(run(["systemctl", "--quiet", verb, unit])[0] == 0 for verb in ("is-active", "is-enabled"))
