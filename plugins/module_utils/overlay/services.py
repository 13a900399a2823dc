# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Services of a host: which are not both enabled and running, and how they get so."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.commands import run_all

ENABLED = ("enabled", "static", "generated")
RUNNING = ("active", "activating", "reloading")

States = dict[str, tuple[str, str]]
"""(UnitFileState, ActiveState) by name."""


def parse(names: list[str], output: str) -> States:
    """Return the states from what ``systemctl show`` prints: a block of KEY=VALUE for each service, in order."""
    blocks = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in output.strip().split("\n\n")]
    return {
        name: (block.get("UnitFileState", ""), block.get("ActiveState", ""))
        for name, block in zip(names, blocks, strict=True)
    }


def idle(states: States) -> list[str]:
    """Return the services that are not both enabled and running."""
    return [name for name, (file, active) in states.items() if file not in ENABLED or active not in RUNNING]


class Services:
    """The services that shall run, as they were found."""

    def __init__(self, module: AnsibleModule, names: list[str]) -> None:
        self._module = module
        self._states: States = {}
        if names:
            command = ["systemctl", "show", "--property=UnitFileState,ActiveState", *names]
            self._states = parse(names, module.run_command(command, check_rc=True)[1])
        self.idle = idle(self._states)

    def enable(self) -> bool:
        """Enable those that are not; whether there were any. systemd knows when it reloads. Raises CommandError."""
        names = [name for name in self.idle if self._states[name][0] not in ENABLED]
        if names:
            run_all(self._module, [f"systemctl enable --no-reload --quiet {' '.join(names)}"])
        return bool(names)

    def start(self) -> None:
        """Start those that are not running. Raises CommandError."""
        if self.idle:
            run_all(self._module, [f"systemctl start {' '.join(self.idle)}"])
