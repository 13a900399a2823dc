#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write configuration files and run the services that read them, in one visit of the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: config_files
author: AI_INFN platform maintainers (@ai-infn)
short_description: Write configuration files and run the services that read them, in one visit of the host
version_added: 0.1.0
description:
  - Makes the content, mode and owner of a list of files as declared, each by one atomic replacement.
  - Does the work of one M(ansible.builtin.template) task per file in one round trip. Contents come from the
    P(ansible.builtin.template#lookup) lookup.
  - Folders that are missing are made with mode C(0755).
  - A file may name the command by which a running program takes it over. Unlike a handler this survives an interruption
    -
    a mark on the host remembers the files until their commands have succeeded.
  - All files are written before the first command runs. Where units of systemd are among them, systemd is told first;
    services are enabled and started at the end.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  parts:
    description: What belongs together, usually one part for each role.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the part, for the mark of files that are not taken over yet.
        type: str
        required: true
      services:
        description: Services that are enabled and running afterwards.
        type: list
        elements: str
        default: []
      apply_unless:
        description: Command that postpones those of the part by printing something, for example a list of running
          containers.
        type: str
        default: ""
      remedy:
        description: What to do where O(parts[].apply_unless) postpones the commands, for the message about it.
        type: str
        default: ""
      files:
        description: The files.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: Path of the file.
            type: path
            required: true
          content:
            description: Its content. Leave it out to remove the file.
            type: str
          secret_content:
            description: In place of O(parts[].files[].content), a content that no log and no difference shows.
            type: str
          line:
            description: In place of O(parts[].files[].content), a line that a file of somebody else's must hold.
            type: str
            default: ""
          after:
            description: Regular expression of the line after which O(parts[].files[].line) is put. Empty puts it at the
              beginning.
            type: str
            default: ""
          mode:
            description: Its mode, as an octal string.
            type: str
            default: "0644"
          owner:
            description: Name of its owner. Empty leaves the owner alone.
            type: str
            default: root
          group:
            description: Name of its group. Empty leaves the group alone.
            type: str
            default: root
          validate:
            description: Command that must succeed before the file is replaced; C(%s) is the path of the new one.
            type: str
            default: ""
          apply:
            description: Command to run when the file has changed; equal commands of a part run once.
            type: str
            default: ""
attributes:
  diff_mode:
    details: Shows each file's difference.
    support: full
"""

EXAMPLES = r"""
- name: Configure the load balancer
  ai_infn.platform.config_files:
    parts:
      - name: kubernetes_api_proxy
        services: [haproxy.service]
        files:
          - path: /etc/haproxy/haproxy.cfg
            content: "{{ lookup('ansible.builtin.template', 'haproxy.cfg.j2') }}"
            validate: haproxy -c -q -f %s
            apply: systemctl reload-or-restart haproxy.service
"""

RETURN = r"""
changed_paths:
  description: The files that changed, or would change.
  returned: always
  type: list
  elements: str
applied:
  description: The commands that were run, or would be.
  returned: always
  type: list
  elements: str
started:
  description: The services that were enabled or started, or would be.
  returned: always
  type: list
  elements: str
postponed:
  description: The commands that O(parts[].apply_unless) postponed; a later run tries again.
  returned: always
  type: list
  elements: str
"""

import contextlib
import grp
import json
import os
import pwd
import shlex
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.files import (
    Step,
    declared,
    difference,
    find,
    idle,
    is_unit,
    plan,
    to_apply,
)

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


def carry_out(module: AnsibleModule, step: Step) -> None:
    """Make one file as it shall be."""
    wanted = step.wanted
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


def take_over(module: AnsibleModule, commands: list[str]) -> None:
    """Run the commands; the mark stays when one fails."""
    for command in commands:
        code, output, errors = module.run_command(shlex.split(command))
        if code != 0:
            module.fail_json(msg=f"'{command}' ended with {code}: {(errors or output).strip()}")


def service_states(module: AnsibleModule, services: list[str]) -> dict[str, tuple[str, str]]:
    """Return each service's (UnitFileState, ActiveState)."""
    if not services:
        return {}
    command = ["systemctl", "show", "--property=UnitFileState,ActiveState", *services]
    output = module.run_command(command, check_rc=True)[1]
    blocks = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in output.strip().split("\n\n")]
    return {
        name: (block.get("UnitFileState", ""), block.get("ActiveState", ""))
        for name, block in zip(services, blocks, strict=True)
    }


def run_services(module: AnsibleModule) -> list[str]:
    """Enable and start what is not; return the services."""
    services = [service for part in module.params["parts"] for service in part["services"]]
    lacking = idle(services, service_states(module, services))
    if lacking and not module.check_mode:
        take_over(module, [f"systemctl enable --quiet --now {' '.join(lacking)}"])
    return lacking


class Part:
    """One part: what its files need, and what follows from that."""

    def __init__(self, module: AnsibleModule, options: dict) -> None:
        self._module = module
        self._options = options
        self._name = options["name"]
        wanted = [declared(item) for item in options["files"]]
        self.steps = plan(wanted, {item.path: find(item.path, owner_name, group_name) for item in wanted})
        self.paths = [step.wanted.path for step in self.steps]
        self._pending = read_pending(self._name)
        commands = to_apply(wanted, self.paths, self._pending)
        busy = bool(commands) and self._is_busy()
        self.commands = [] if busy else commands
        self.postponed = commands if busy else []
        self.reloads_systemd = bool(self.commands) and any(map(is_unit, {*self.paths, *self._pending}))

    def write(self) -> None:
        """Write the files; the mark says that their commands are due."""
        if self.commands or self.postponed:
            write_pending(self._name, sorted({*self.paths, *self._pending}))
        for step in self.steps:
            carry_out(self._module, step)

    def apply(self) -> None:
        """Run the commands, and take the mark away."""
        if self.commands:
            take_over(self._module, self.commands)
            write_pending(self._name, [])

    def warn(self) -> None:
        """Say what waits for what."""
        if self.postponed:
            self._module.warn(f"{self._name} keeps its old settings for now. {self._options['remedy']}".strip())

    def _is_busy(self) -> bool:
        command = self._options["apply_unless"]
        return bool(command) and bool(self._module.run_command(shlex.split(command))[1].strip())


FILE = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str"},
    "secret_content": {"type": "str", "no_log": True},
    "line": {"type": "str", "default": ""},
    "after": {"type": "str", "default": ""},
    "mode": {"type": "str", "default": "0644"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "validate": {"type": "str", "default": ""},
    "apply": {"type": "str", "default": ""},
}
PART = {
    "name": {"type": "str", "required": True},
    "services": {"type": "list", "elements": "str", "default": []},
    "apply_unless": {"type": "str", "default": ""},
    "remedy": {"type": "str", "default": ""},
    "files": {"type": "list", "elements": "dict", "default": [], "options": FILE},
}


def main() -> None:
    """Read the parts, plan, write, take over, report."""
    module = AnsibleModule(
        {"parts": {"type": "list", "elements": "dict", "required": True, "options": PART}}, supports_check_mode=True
    )
    parts = [Part(module, options) for options in module.params["parts"]]
    if not module.check_mode:
        for part in parts:
            part.write()
        if any(part.reloads_systemd for part in parts):
            take_over(module, ["systemctl daemon-reload"])
        for part in parts:
            part.apply()
    started = run_services(module)
    for part in parts:
        part.warn()
    module.exit_json(
        changed=bool(started) or any(part.steps or part.commands for part in parts),
        changed_paths=[path for part in parts for path in part.paths],
        started=started,
        applied=[command for part in parts for command in part.commands],
        postponed=[command for part in parts for command in part.postponed],
        diff=[difference(step) for part in parts for step in part.steps],
    )


if __name__ == "__main__":
    main()
