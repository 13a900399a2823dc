# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the files that belong together, and have running programs take them over, an interruption notwithstanding."""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import shlex
import tempfile
from collections.abc import Iterable
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.commands import run_all
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.files import (
    RELOAD,
    Found,
    Step,
    declared,
    find,
    is_unit,
    plan,
    to_apply,
)

DOWNLOAD = {
    "url": {"type": "str", "required": True},
    "checksum": {"type": "str", "required": True},
    "dest": {"type": "path", "required": True},
    "mode": {"type": "str", "default": "0755"},
    "extract": {"type": "bool", "default": False},
    "members": {"type": "list", "elements": "str", "default": []},
    "strip": {"type": "int", "default": 0},
}
FILE = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str"},
    "secret_content": {"type": "str", "no_log": True},
    "line": {"type": "str", "default": ""},
    "after": {"type": "str", "default": ""},
    "link": {"type": "str", "default": ""},
    "mode": {"type": "str", "default": "0644"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "validate": {"type": "str", "default": ""},
    "apply": {"type": "str", "default": ""},
}
IMAGE = {"image": {"type": "str", "required": True}, "digest": {"type": "str", "required": True}}
PART = {
    "name": {"type": "str", "required": True},
    "downloads": {"type": "list", "elements": "dict", "default": [], "options": DOWNLOAD},
    "files": {"type": "list", "elements": "dict", "default": [], "options": FILE},
    "before_packages": {"type": "bool", "default": False},
    "needs": {"type": "list", "elements": "path", "default": []},
    "apply_unless": {"type": "str", "default": ""},
    "remedy": {"type": "str", "default": ""},
    "services": {"type": "list", "elements": "str", "default": []},
    "images": {"type": "list", "elements": "dict", "default": [], "options": IMAGE},
}
"""What a module takes of a part."""

PENDING = "/var/lib/ai-infn/pending"


def owner_name(uid: int) -> str:
    """Return a user's name, or the number of one without a name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    """Return a group's name, or the number of one without a name."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def found_files(paths: Iterable[str]) -> dict[str, Found]:
    """Return what is at each of the paths."""
    return {path: find(path, owner_name, group_name) for path in paths}


def carry_out(module: AnsibleModule, step: Step) -> None:
    """Make one file as it shall be."""
    wanted = step.wanted
    if wanted.link:
        os.makedirs(os.path.dirname(wanted.path), mode=0o755, exist_ok=True)
        draft = f"{wanted.path}.new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
        os.symlink(wanted.link, draft)
        os.replace(draft, wanted.path)
        return
    if wanted.content is None:
        os.unlink(wanted.path)
        return
    if step.rewrite:
        os.makedirs(os.path.dirname(wanted.path), mode=0o755, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=module.tmpdir)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(wanted.content.encode("utf-8", "surrogateescape"))
        if wanted.validate:
            code, output, errors = module.run_command(shlex.split(wanted.validate.replace("%s", shlex.quote(draft))))
            if code != 0:
                module.fail_json(
                    msg=f"{wanted.path} was not replaced: '{wanted.validate}' refuses it: {(errors or output).strip()}"
                )
        module.atomic_move(draft, wanted.path)
    module.set_mode_if_different(wanted.path, wanted.mode, changed=False)
    module.set_owner_if_different(wanted.path, wanted.owner or None, changed=False)
    module.set_group_if_different(wanted.path, wanted.group or None, changed=False)


def read_pending(name: str) -> list[str]:
    """Return the files of a part that changed earlier and were not taken over."""
    try:
        with open(f"{PENDING}/{name}", encoding="utf-8") as stream:
            return json.load(stream)
    except (FileNotFoundError, ValueError):
        return []


def write_pending(name: str, paths: list[str]) -> None:
    """Remember files that are not taken over; forget the mark when there is none."""
    if not paths:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{PENDING}/{name}")
        return
    os.makedirs(PENDING, exist_ok=True)
    with open(f"{PENDING}/{name}", "w", encoding="utf-8") as stream:
        json.dump(paths, stream)


class Part:
    """Files that belong together: what they need, and which commands follow from that."""

    def __init__(self, module: AnsibleModule, options: dict[str, Any]) -> None:
        self._module = module
        self._options = options
        self.name = options["name"]
        self.waits = not all(map(os.path.exists, options["needs"]))
        self.services = [] if self.waits else options["services"]
        wanted = [declared(item) for item in options["files"]]
        self.steps = plan(wanted, found_files(item.path for item in wanted))
        self.paths = [step.wanted.path for step in self.steps]
        self._pending = read_pending(self.name)
        commands = to_apply(wanted, self.paths, self._pending)
        later = bool(commands) and (self.waits or self._is_busy())
        self.commands = [] if later else commands
        self.postponed = commands if later else []
        self.reloads_systemd = bool(self.commands) and any(map(is_unit, {*self.paths, *self._pending}))

    def write(self) -> None:
        """Write the files; the mark says that their commands are due."""
        if self.commands or self.postponed:
            write_pending(self.name, sorted({*self.paths, *self._pending}))
        for step in self.steps:
            carry_out(self._module, step)

    def apply(self) -> None:
        """Run the commands, and take the mark away. Raises CommandError; the mark stays then."""
        if self.commands:
            run_all(self._module, [command for command in self.commands if command != RELOAD])
            write_pending(self.name, [])

    def warn(self) -> None:
        """Say what waits for what."""
        if self.postponed and not self.waits:
            self._module.warn(f"{self.name} keeps its old settings for now. {self._options['remedy']}".strip())

    def _is_busy(self) -> bool:
        command = self._options["apply_unless"]
        return bool(command) and bool(self._module.run_command(shlex.split(command))[1].strip())
