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
    written and services enabled before the first command runs, and systemd is told first; the commands of one part run
    one after the other, those of different parts side by side.
  - At the end starts services, and pulls images into containerd by their digests and gives them their tags,
    so that what a pod runs under the tag is what the lock names.
  - Last of all the host may join its cluster, which then costs no further visit.
  - Where a package is missing it says so and brings only the parts that packages read, since the others need them.
extends_documentation_fragment:
  - ai_infn.platform.attributes
  - ai_infn.platform.host_parts
options:
  packages:
    description: Packages of the distribution that have to be there. M(ansible.builtin.apt) installs them.
    type: list
    elements: str
    default: []
  hold:
    description: Packages that keep the version that they have until somebody changes it by intent; neither an upgrade
      of the host nor the dependency of another package does.
    type: list
    elements: str
    default: []
  join:
    description: How the host joins a cluster that it is no member of, when all is there, as M(ai_infn.platform.kubeadm)
      does for a worker. What an interrupted join has left is taken away before anything else. Left out, its
      membership is left alone.
    type: dict
    suboptions:
      name:
        description: Name of the host's Node.
        type: str
        required: true
      address:
        description: Address of the host.
        type: str
        required: true
      config:
        description: kubeadm's configuration, in base64. Left out, the host does not join; RV(membership) tells its
          state.
        type: str
      discovery:
        description: Kubeconfig without a user by which the cluster is found, in base64.
        type: str
      reset_allowed:
        description: Whether whatever is on the host may be destroyed.
        type: bool
        default: false
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
missing_packages:
  description: Those of O(packages) that are not installed. Where there are any, only parts with
    O(parts[].before_packages) were brought.
  returned: success
  type: list
  elements: str
held:
  description: The packages that were put on hold, or would be.
  returned: success
  type: list
  elements: str
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
waiting:
  description: Names of the parts that wait for what they need (O(parts[].needs)).
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
joined:
  description: What kubeadm did, as RV(ai_infn.platform.kubeadm#module:step) says; empty where nothing was asked of it.
  returned: success
  type: str
membership:
  description: The host's state at the end, as RV(ai_infn.platform.kubernetes_host#module:state) says; empty without
    O(join).
  returned: success
  type: str
"""

import shlex
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay import downloads, images, membership
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.commands import CommandError, run_all
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.files import RELOAD, difference
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.host import Package, installed_packages
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.kubeadm import NOTHING
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.parts import PART, Part
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.services import Services

JOIN = {
    "name": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "config": {"type": "str", "no_log": True},
    "discovery": {"type": "str", "no_log": True},
    "reset_allowed": {"type": "bool", "default": False},
}
FAILURES = (
    downloads.DownloadError,
    images.ImageError,
    membership.KubeadmError,
    CommandError,
    OSError,
    ValueError,
)


def to_hold(names: list[str], installed: dict[str, Package]) -> list[str]:
    """Return those of the packages that are not on hold."""
    return [name for name in names if name in installed and not installed[name].held]


def hold(module: AnsibleModule, installed: dict[str, Package]) -> list[str]:
    """Hold packages, and return those that were not held. Raises CommandError."""
    names = to_hold(module.params["hold"], installed)
    if names and not module.check_mode:
        run_all(module, [f"apt-mark hold {shlex.join(names)}"])
    return names


def of_all(parts: list[dict], kind: str) -> list:
    """Return what all parts have of one kind, in order."""
    return [entry for part in parts for entry in part[kind]]


def take_over(module: AnsibleModule, parts: list[Part], services: Services) -> None:
    """Have running programs take over what is written: systemd first, then the parts side by side."""
    enabled = services.enable()
    if enabled or any(part.reloads_systemd for part in parts):
        run_all(module, [RELOAD])
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(Part.apply, parts))
    services.start()


def main() -> None:
    """Bring everything, in the order in which one thing needs the other, and report."""
    module = AnsibleModule(
        {
            "packages": {"type": "list", "elements": "str", "default": []},
            "hold": {"type": "list", "elements": "str", "default": []},
            "parts": {"type": "list", "elements": "dict", "required": True, "options": PART},
            "join": {"type": "dict", "options": JOIN, "required_together": [("config", "discovery")]},
        },
        supports_check_mode=True,
    )
    installed = installed_packages() if module.params["packages"] or module.params["hold"] else {}
    missing = sorted(set(module.params["packages"]) - set(installed))
    wanted = [part for part in module.params["parts"] if part["before_packages"] or not missing]
    joins = module.params["join"] and not missing
    try:
        join = membership.Join(module.params["join"], module.check_mode) if joins else None
        repaired = join.prepare() if join else False
        held = hold(module, installed)
        with ThreadPoolExecutor(1) as beside:
            bringing = beside.submit(downloads.bring, of_all(wanted, "downloads"), module.check_mode)
            # What is only looked at costs no time while the downloads run.
            parts = [Part(module, options) for options in wanted]
            services = Services(module, [name for part in parts for name in part.services])
            downloaded = bringing.result()
        if not module.check_mode:
            for part in parts:
                part.write()
            take_over(module, parts, services)
        pulled = images.bring(of_all(wanted, "images"), module.check_mode)
        joined, state = join.carry_out() if join else ("", "")
    except FAILURES as error:
        module.fail_json(msg=str(error))
    for part in parts:
        part.warn()
    module.exit_json(
        changed=bool(held or downloaded or services.idle or pulled or repaired or joined not in ("", NOTHING))
        or any(part.steps or part.commands for part in parts),
        missing_packages=missing,
        held=held,
        downloaded=downloaded,
        changed_paths=[path for part in parts for path in part.paths],
        started=services.idle,
        applied=[command for part in parts for command in part.commands],
        waiting=[part.name for part in parts if part.waits],
        postponed=[command for part in parts for command in part.postponed],
        pulled=pulled,
        joined=joined,
        membership=state,
        diff=[difference(step) for part in parts for step in part.steps],
    )


if __name__ == "__main__":
    main()
