# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup of downloads and images in the collection's lock."""

from __future__ import annotations

DOCUMENTATION = r"""
name: artifact
author: AI_INFN platform maintainers (@ai-infn)
short_description: address and digest of a download or an image
version_added: 0.1.0
description:
  - Answers where a role gets an artifact and which digest it must have.
  - Names, versions and upstream addresses are in the lock of the role P(ai_infn.platform.artifact#role).
  - The digests are in a file that no person writes. C(make lock-upstream) records what the upstream projects publish;
    the lab's build records its own, because a build made here never equals the upstream release.
options:
  _terms:
    description: Names of artifacts, such as V(kubelet).
    type: list
    elements: str
    required: true
  version:
    description: Version of the artifact; a leading V(v) is ignored. Left out, the lock's default.
    type: str
    default: ""
  kubernetes:
    description: In place of O(version), a Kubernetes version; the answer is the version that goes with it.
    type: str
    aliases: [kubernetes_version]
    default: ""
  mirror:
    description:
      - Base address of a mirror of the upstream hosts; a file is at C(MIRROR/UPSTREAM HOST/UPSTREAM PATH).
      - The default V(https:/) means the upstream hosts themselves.
    type: str
    default: "https:/"
    vars:
      - name: artifact_mirror
  digests:
    description:
      - Path of the digest file on the controller.
      - If empty, the one that C(make lock-upstream) writes into the collection.
    type: str
    default: ""
    vars:
      - name: artifact_digests
"""

EXAMPLES = r"""
- name: Download the kubelet
  ansible.builtin.get_url:
    url: "{{ kubelet.url }}"
    checksum: "{{ kubelet.checksum }}"
    dest: /usr/local/bin/kubelet
    mode: "0755"
  vars:
    kubelet: "{{ lookup('ai_infn.platform.artifact', 'kubelet', version='1.37.2') }}"

- name: Show the etcd image that goes with a Kubernetes release
  ansible.builtin.debug:
    msg: "{{ lookup('ai_infn.platform.artifact', 'etcd', kubernetes='1.37.2').pinned }}"
"""

RETURN = r"""
_raw:
  description: One dictionary for each name.
  type: list
  elements: dict
  contains:
    name:
      description: The name asked for.
      type: str
      returned: always
    kind:
      description: V(file) or V(image).
      type: str
      returned: always
    version:
      description: The version without a leading V(v).
      type: str
      returned: always
    url:
      description: Where to download the file, through the mirror if one is set.
      type: str
      returned: for a file
    checksum:
      description: C(sha256:) and the digest of the file, as M(ansible.builtin.get_url) takes it.
      type: str
      returned: for a file
    upstream:
      description: The upstream project's address of the file.
      type: str
      returned: for a file
    image:
      description: The image as C(registry/repository:tag).
      type: str
      returned: for an image
    digest:
      description: Digest of the image's manifest.
      type: str
      returned: for an image
    pinned:
      description: The image as C(registry/repository@digest).
      type: str
      returned: for an image
    repository:
      description: The image without its tag.
      type: str
      returned: for an image
    tag:
      description: The tag.
      type: str
      returned: for an image
"""

import functools
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.lookup import LookupBase
from ansible_collections.ai_infn.platform.plugins.module_utils.artifacts import (
    ArtifactError,
    describe,
    digest_of,
    find,
)

FILES = Path(__file__).resolve().parents[2] / "roles" / "artifact" / "files"
REMEDIES = {
    "upstream": "run `make lock-upstream` on a machine that reaches the upstream hosts",
    "site": "run `make mirror` (lab), or let `artifact_digests` name the digest file of this site's mirror",
}


@functools.cache
def read_yaml(path: Path) -> Any:
    """A file's content, read once in a run: a host's parts name a dozen artifacts."""
    return yaml_load(path.read_text(encoding="utf-8"))


def read_digests(option: str) -> tuple[dict[str, Any], str, str]:
    """The digest file, its name, and the remedy if it lacks something; ArtifactError if there is no such file."""
    remedy = REMEDIES["site" if option else "upstream"]
    path = Path(option).expanduser() if option else FILES / "digests_upstream.yml"
    if not path.is_file():
        raise ArtifactError(f"there is no digest file {path}. Remedy: {remedy}")
    return read_yaml(path) or {}, str(path), remedy


class LookupModule(LookupBase):
    """``lookup('ai_infn.platform.artifact', NAME, …)``."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, str]]:
        """Answer one dictionary for each name; raises AnsibleLookupError with a remedy."""
        self.set_options(var_options=variables, direct=kwargs)
        lock = read_yaml(FILES / "lock.yml")
        try:
            digests, source, remedy = read_digests(str(self.get_option("digests")))
            version, kubernetes = str(self.get_option("version")), str(self.get_option("kubernetes"))
            found = [find(lock, str(name), version, kubernetes) for name in terms]
            mirror = str(self.get_option("mirror"))
            return [describe(item, digest_of(item, digests, source, remedy), mirror) for item in found]
        except ArtifactError as error:
            raise AnsibleLookupError(f"artifact: {error}") from error
