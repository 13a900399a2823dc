#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the configuration files of a component and run its services, in one visit of the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: config_files
author: AI_INFN platform maintainers (@ai-infn)
short_description: Write the configuration files of a component and run its services, in one visit of the host
version_added: 0.1.0
description:
  - Makes the content, mode and owner of a list of files as declared, each by one atomic replacement.
  - Does the work of one M(ansible.builtin.template) task per file in one round trip. Contents come from the
    P(ansible.builtin.template#lookup) lookup.
  - Folders that are missing are made with mode C(0755).
  - A file may name the command by which a running program takes it over. Unlike a handler this survives an interruption
    -
    a mark on the host remembers the files until their commands have succeeded.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  component:
    description: Name of the component, for the mark of files that are not taken over yet. Needed where a file has
      O(files[].apply).
    type: str
  services:
    description: Services that are enabled and running afterwards.
    type: list
    elements: str
    default: []
  apply_unless:
    description: Command that postpones the others by printing something, for example a list of running containers.
    type: str
    default: ""
  files:
    description: The files.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Path of the file.
        type: path
        required: true
      content:
        description: Its content. Leave it out to remove the file.
        type: str
      line:
        description: In place of O(files[].content), a line that a file of somebody else's must hold.
        type: str
        default: ""
      after:
        description: Regular expression of the line after which O(files[].line) is put. Empty puts it at the beginning.
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
        description: Command to run when the file has changed; equal commands run once, after all files are written.
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
    files:
      - path: /etc/haproxy/haproxy.cfg
        content: "{{ lookup('ansible.builtin.template', 'haproxy.cfg.j2') }}"
        validate: haproxy -c -q -f %s
        apply: systemctl reload-or-restart haproxy.service
    component: kubernetes_api_proxy
    services: [haproxy.service]
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
  description: The commands that O(apply_unless) postponed; a later run tries again.
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
    Wanted,
    difference,
    find,
    idle,
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


def read_pending(component: str | None) -> list[str]:
    """Return the files of a component that changed earlier and were not taken over."""
    try:
        with open(f"{PENDING}/{component}", encoding="utf-8") as stream:
            return json.load(stream)
    except (FileNotFoundError, ValueError):
        return []


def write_pending(component: str | None, paths: list[str]) -> None:
    """Remember files that are not taken over; forget the mark when there is none."""
    if not paths:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{PENDING}/{component}")
        return
    os.makedirs(PENDING, exist_ok=True)
    with open(f"{PENDING}/{component}", "w", encoding="utf-8") as stream:
        json.dump(paths, stream)


def take_over(module: AnsibleModule, commands: list[str]) -> None:
    """Run the commands; the mark stays when one fails."""
    for command in commands:
        code, output, errors = module.run_command(shlex.split(command))
        if code != 0:
            module.fail_json(msg=f"'{command}' ended with {code}: {(errors or output).strip()}")


def is_busy(module: AnsibleModule) -> bool:
    """Whether the commands must wait."""
    if not module.params["apply_unless"]:
        return False
    return bool(module.run_command(shlex.split(module.params["apply_unless"]))[1].strip())


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
    services = module.params["services"]
    lacking = idle(services, service_states(module, services))
    if lacking and not module.check_mode:
        take_over(module, [f"systemctl enable --quiet --now {' '.join(lacking)}"])
    return lacking


SPEC = {
    "files": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "path": {"type": "path", "required": True},
            "content": {"type": "str"},
            "line": {"type": "str", "default": ""},
            "after": {"type": "str", "default": ""},
            "mode": {"type": "str", "default": "0644"},
            "owner": {"type": "str", "default": "root"},
            "group": {"type": "str", "default": "root"},
            "validate": {"type": "str", "default": ""},
            "apply": {"type": "str", "default": ""},
        },
    },
    "component": {"type": "str"},
    "services": {"type": "list", "elements": "str", "default": []},
    "apply_unless": {"type": "str", "default": ""},
}


def main() -> None:
    """Read the files, plan, write, take over, report."""
    module = AnsibleModule(SPEC, supports_check_mode=True)
    component = module.params["component"]
    wanted = [Wanted(**{**item, "mode": int(item["mode"], 8)}) for item in module.params["files"]]
    steps = plan(wanted, {item.path: find(item.path, owner_name, group_name) for item in wanted})
    paths = [step.wanted.path for step in steps]
    pending = read_pending(component)
    commands = to_apply(wanted, paths, pending)
    busy = bool(commands) and is_busy(module)
    if not module.check_mode:
        if commands:
            write_pending(component, sorted({*paths, *pending}))
        for step in steps:
            carry_out(module, step)
        if commands and not busy:
            take_over(module, commands)
            write_pending(component, [])
    started = run_services(module)
    module.exit_json(
        changed=bool(steps) or bool(commands and not busy) or bool(started),
        changed_paths=paths,
        started=started,
        applied=[] if busy else commands,
        postponed=commands if busy else [],
        diff=[difference(step) for step in steps],
    )


if __name__ == "__main__":
    main()
