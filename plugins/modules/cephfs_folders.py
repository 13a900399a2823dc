#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have folders in a CephFS, with owner, quota and namespace."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cephfs_folders
author: AI_INFN platform maintainers (@ai-infn)
short_description: Have folders in a CephFS, with owner, quota and namespace
version_added: 0.1.0
description:
  - Runs on a host that has the administrator's key, and needs no mount.
  - Folders that are not named are left alone, and so is what is in a folder.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  filesystem:
    description: Name of the filesystem.
    type: str
    required: true
  folders:
    description: The folders, each after the one it is in.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Its path in the filesystem.
        type: str
        required: true
      mode:
        description: Its mode, as an octal string.
        type: str
        default: "0755"
      uid:
        description: Number of its owner.
        type: int
        default: 0
      gid:
        description: Number of its group.
        type: int
        default: 0
      namespace:
        description: Namespace of the pool for what its files hold, so that a client's key may be confined to it. What
          is made in a folder inherits it; it cannot be changed later.
        type: str
        default: ""
      max_bytes:
        description: How many bytes what is in it may take, 0 for no limit.
        type: int
        default: 0
      max_files:
        description: How many files and folders may be in it, 0 for no limit.
        type: int
        default: 0
requirements:
  - python3-cephfs
"""

EXAMPLES = r"""
- name: Have a place for homes
  ai_infn.platform.cephfs_folders:
    filesystem: cnaf
    folders:
      - {path: /homes, namespace: homes, mode: "0711"}
"""

RETURN = r"""
steps:
  description: What was done, or would be, C(PATH VERB VALUE).
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.client import has_begun
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.folders import Folder, FolderError, mounted, plan

FOLDER = {
    "path": {"type": "str", "required": True},
    "mode": {"type": "str", "default": "0755"},
    "uid": {"type": "int", "default": 0},
    "gid": {"type": "int", "default": 0},
    "namespace": {"type": "str", "default": ""},
    "max_bytes": {"type": "int", "default": 0},
    "max_files": {"type": "int", "default": 0},
}


def main() -> None:
    """Compare each folder and change what differs."""
    module = AnsibleModule(
        {
            "filesystem": {"type": "str", "required": True},
            "folders": {"type": "list", "elements": "dict", "required": True, "options": FOLDER},
        },
        supports_check_mode=True,
    )
    if module.check_mode and not has_begun():
        module.exit_json(changed=True, steps=[])
    steps = []
    try:
        with mounted(module.params["filesystem"]) as tree:
            for options in module.params["folders"]:
                wanted = Folder(**{**options, "mode": int(options["mode"], 8)})
                for step in plan(tree.look(wanted.path), wanted):
                    steps.append(step)
                    if not module.check_mode:
                        tree.carry_out(step)
    except (FolderError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(steps), steps=[f"{one.path} {one.verb} {one.value}" for one in steps])


if __name__ == "__main__":
    main()
