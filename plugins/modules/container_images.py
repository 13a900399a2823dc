#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have images in containerd, verified by digest."""

from __future__ import annotations

DOCUMENTATION = r"""
module: container_images
author: AI_INFN platform maintainers (@ai-infn)
short_description: Have images in containerd, verified by digest
version_added: 0.1.0
description:
  - Pulls each image by its digest, all at once, and gives it its tag, so that what a pod runs under the tag is what the
    lock names.
  - Uses containerd's own configuration of registries and mirrors.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  images:
    description: The images.
    type: list
    elements: dict
    required: true
    suboptions:
      image:
        description: Reference with its tag.
        type: str
        required: true
      digest:
        description: Digest as C(sha256:...).
        type: str
        required: true
  namespace:
    description: Namespace of containerd.
    type: str
    default: k8s.io
  hosts_dir:
    description: Folder with containerd's configuration of registries.
    type: path
    default: /etc/containerd/certs.d
attributes:
  check_mode:
    details: Names the images that it would pull.
"""

EXAMPLES = r"""
- name: Have the pause image
  ai_infn.platform.container_images:
    images:
      - image: registry.k8s.io/pause:3.10.2
        digest: sha256:0123...
"""

RETURN = r"""
pulled:
  description: The images that were pulled, or would be.
  returned: always
  type: list
  elements: str
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.images import Image, missing, parse_list


class Containerd:
    """containerd's images, through ctr."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._ctr = ["ctr", "--connect-timeout", "3s", "--namespace", module.params["namespace"], "images"]

    def present(self) -> dict[str, str]:
        """Return {reference: digest}; nothing in check mode on a host that has no containerd yet."""
        try:
            code, output, errors = self._module.run_command([*self._ctr, "list"], handle_exceptions=False)
        except OSError as error:
            code, output, errors = 127, "", str(error)
        if code != 0 and not self._module.check_mode:
            self._module.fail_json(msg=f"containerd does not answer: {errors.strip()}")
        return parse_list(output)

    def pull(self, image: Image) -> str:
        """Pull one image and tag it; return what went wrong, or nothing."""
        hosts = ["--hosts-dir", self._module.params["hosts_dir"]]
        for command in (["pull", *hosts, image.by_digest], ["tag", "--force", image.by_digest, image.reference]):
            # Not run_command: it is not made for threads.
            done = subprocess.run([*self._ctr, *command], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                return f"{image.by_digest}: {(done.stderr.strip().splitlines() or [str(done.returncode)])[-1]}"
        return ""


def main() -> None:
    """Compare, pull, report."""
    fields = {"image": {"type": "str", "required": True}, "digest": {"type": "str", "required": True}}
    module = AnsibleModule(
        {
            "images": {"type": "list", "elements": "dict", "required": True, "options": fields},
            "namespace": {"type": "str", "default": "k8s.io"},
            "hosts_dir": {"type": "path", "default": "/etc/containerd/certs.d"},
        },
        supports_check_mode=True,
    )
    containerd = Containerd(module)
    wanted = [Image(item["image"], item["digest"]) for item in module.params["images"]]
    lacking = missing(wanted, containerd.present())
    if lacking and not module.check_mode:
        with ThreadPoolExecutor(max_workers=4) as pool:
            failures = [text for text in pool.map(containerd.pull, lacking) if text]
        if failures:
            module.fail_json(
                msg="Images could not be pulled: "
                + "; ".join(failures)
                + ". Look at registry_mirror and, if a digest differs, at the digest file."
            )
    module.exit_json(changed=bool(lacking), pulled=[image.reference for image in lacking])


if __name__ == "__main__":
    main()
