#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring downloads, files, services and images to a host, in one visit."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_setup
author: AI_INFN platform maintainers (@ai-infn)
short_description: Bring downloads, files, services and images to a host, in one visit
version_added: 0.1.0
description:
  - Downloads what is missing or altered, all at the same time, and verifies every digest before anything on the host
    changes. A record on the host spares the digest of files that are as an earlier run left them.
  - Then makes content, mode and owner of the files as declared, each by one atomic replacement. Contents come from the
    P(ansible.builtin.template#lookup) lookup. Folders that are missing are made with mode C(0755).
  - A file may name the command by which a running program takes it over. Unlike a handler this survives an
    interruption, since a mark on the host remembers the files until their commands have succeeded. All files are
    written before the first command runs; where units of systemd are among them, systemd is told first.
  - At the end enables and starts services, and pulls images into containerd by their digests and gives them their tags,
    so that what a pod runs under the tag is what the lock names.
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
      downloads:
        description: Downloads.
        type: list
        elements: dict
        default: []
        suboptions:
          url:
            description: Where to download it; the lookup P(ai_infn.platform.artifact#lookup) knows.
            type: str
            required: true
          checksum:
            description: Digest of the download, as C(sha256:...).
            type: str
            required: true
          dest:
            description: Path of the file, or the folder to unpack the archive into.
            type: path
            required: true
          mode:
            description: Mode of the file, as an octal string; files of an archive keep theirs.
            type: str
            default: "0755"
          extract:
            description: Whether it is a tar archive to unpack.
            type: bool
            default: false
          members:
            description: Files of the archive to take. Empty takes all.
            type: list
            elements: str
            default: []
          strip:
            description: How many leading folders of the archive's names are left off.
            type: int
            default: 0
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
      apply_unless:
        description: Command that postpones those of the part by printing something, for example a list of running
          containers.
        type: str
        default: ""
      remedy:
        description: What to do where O(parts[].apply_unless) postpones the commands, for the message about it.
        type: str
        default: ""
      services:
        description: Services that are enabled and running afterwards.
        type: list
        elements: str
        default: []
      images:
        description: Images of containerd's namespace C(k8s.io).
        type: list
        elements: dict
        default: []
        suboptions:
          image:
            description: Reference with its tag.
            type: str
            required: true
          digest:
            description: Digest as C(sha256:...).
            type: str
            required: true
attributes:
  diff_mode:
    details: Shows each file's difference.
    support: full
"""

EXAMPLES = r"""
- name: Have a load balancer
  ai_infn.platform.host_setup:
    parts:
      - name: kubernetes_api_proxy
        services: [haproxy.service]
        files:
          - path: /etc/haproxy/haproxy.cfg
            content: "{{ lookup('ansible.builtin.template', 'haproxy.cfg.j2') }}"
            validate: haproxy -c -q -f %s
            apply: systemctl reload-or-restart haproxy.service

- name: Have the kubelet
  ai_infn.platform.host_setup:
    parts:
      - name: kubernetes_node
        downloads:
          - url: "{{ kubelet.url }}"
            checksum: "{{ kubelet.checksum }}"
            dest: /usr/local/bin/kubelet
  vars:
    kubelet: "{{ lookup('ai_infn.platform.artifact', 'kubelet') }}"
"""

RETURN = r"""
downloaded:
  description: Paths that were downloaded, or would be.
  returned: success
  type: list
  elements: str
changed_paths:
  description: The files that changed, or would change.
  returned: success
  type: list
  elements: str
applied:
  description: The commands that were run, or would be.
  returned: success
  type: list
  elements: str
postponed:
  description: The commands that O(parts[].apply_unless) postponed; a later run tries again.
  returned: success
  type: list
  elements: str
started:
  description: The services that were enabled or started, or would be.
  returned: success
  type: list
  elements: str
pulled:
  description: The images that were pulled, or would be.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay import downloads, images
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.files import RELOAD, difference
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.parts import Part, run_services, take_over

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
    "apply_unless": {"type": "str", "default": ""},
    "remedy": {"type": "str", "default": ""},
    "services": {"type": "list", "elements": "str", "default": []},
    "images": {"type": "list", "elements": "dict", "default": [], "options": IMAGE},
}


def of_all(module: AnsibleModule, kind: str) -> list:
    """Return what all parts have of one kind, in order."""
    return [entry for part in module.params["parts"] for entry in part[kind]]


def bring_files(module: AnsibleModule) -> list[Part]:
    """Have the files, and running programs take them over; return the parts."""
    parts = [Part(module, options) for options in module.params["parts"]]
    if not module.check_mode:
        for part in parts:
            part.write()
        if any(part.reloads_systemd for part in parts):
            take_over(module, [RELOAD])
        for part in parts:
            part.apply()
    return parts


def main() -> None:
    """Bring everything, in the order in which one thing needs the other, and report."""
    module = AnsibleModule(
        {"parts": {"type": "list", "elements": "dict", "required": True, "options": PART}}, supports_check_mode=True
    )
    try:
        downloaded = downloads.bring(of_all(module, "downloads"), module.check_mode)
        parts = bring_files(module)
        started = run_services(module, of_all(module, "services"))
        pulled = images.bring(of_all(module, "images"), module.check_mode)
    except (downloads.DownloadError, images.ImageError) as error:
        module.fail_json(msg=str(error))
    for part in parts:
        part.warn()
    module.exit_json(
        changed=bool(downloaded or started or pulled) or any(part.steps or part.commands for part in parts),
        downloaded=downloaded,
        changed_paths=[path for part in parts for path in part.paths],
        started=started,
        applied=[command for part in parts for command in part.commands],
        postponed=[command for part in parts for command in part.postponed],
        pulled=pulled,
        diff=[difference(step) for part in parts for step in part.steps],
    )


if __name__ == "__main__":
    main()
