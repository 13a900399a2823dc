# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find the files by which layers take part in preflight, status and removal."""

from __future__ import annotations

DOCUMENTATION = r"""
name: layer_hooks
author: AI_INFN platform maintainers (@ai-infn)
short_description: Find the files by which layers take part in a playbook
version_added: 0.1.0
description:
  - A layer is a folder C(NN-name) whose files have conventional names such as C(preflight.yml) or C(status_site.yml).
  - Returns the paths of one such file of all layers that have it, in the order of the folders' numbers.
  - A layer that has nothing to do with some hosts names the groups of the others in its file C(groups.yml), a list.
options:
  _terms:
    description: Name of the hook, the file's name without C(.yml).
    required: true
  paths:
    description: Folders that hold layers, beside those of the collection.
    type: list
    elements: path
    default: []
  groups:
    description: Groups of the host that asks; layers that name only others are left out. None are without this option.
    type: list
    elements: str
  reverse:
    description: Whether the last layer comes first, as when a host leaves.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Ask every layer
  ansible.builtin.include_tasks: "{{ item }}"
  loop: "{{ query('ai_infn.platform.layer_hooks', 'preflight', paths=layer_paths) }}"

- name: Ask every layer that has to do with this host
  ansible.builtin.include_tasks: "{{ item }}"
  loop: "{{ query('ai_infn.platform.layer_hooks', 'status_host', paths=layer_paths, groups=group_names) }}"
"""

RETURN = r"""
_raw:
  description: Paths of the hook's files.
  type: list
  elements: path
"""

from collections.abc import Collection, Iterable
from pathlib import Path

import yaml
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

COLLECTION_LAYERS = Path(__file__).resolve().parents[2] / "playbooks" / "layers"


def has_hosts_of(layer: Path, groups: Collection[str]) -> bool:
    """Whether hosts of these groups are the layer's. Raises AnsibleLookupError for a groups.yml that is no list."""
    path = layer / "groups.yml"
    if not path.is_file():
        return True
    named = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(named, list):
        raise AnsibleLookupError(f"{path} holds {named!r}. Needed: a list of groups.")
    return not set(named).isdisjoint(groups)


def find_hooks(
    hook: str, folders: Iterable[Path], reverse: bool = False, groups: Collection[str] | None = None
) -> list[str]:
    """Return the files ``<folder>/<NN-layer>/<hook>.yml`` of all folders in the order of the layers' names.

    With ``groups``, only those of layers whose hosts are in one of these.
    """
    found = [path for folder in folders for path in folder.glob(f"*/{hook}.yml")]
    asked = [path for path in found if groups is None or has_hosts_of(path.parent, groups)]
    return [str(path) for path in sorted(asked, key=lambda path: path.parent.name, reverse=reverse)]


class LookupModule(LookupBase):
    """The lookup ``ai_infn.platform.layer_hooks``."""

    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        folders = [COLLECTION_LAYERS, *map(Path, self.get_option("paths"))]
        missing = [str(folder) for folder in folders if not folder.is_dir()]
        if missing:
            raise AnsibleLookupError(
                f"No such folder of layers: {', '.join(missing)}. Correct the variable layer_paths."
            )
        asked = {"reverse": self.get_option("reverse"), "groups": self.get_option("groups")}
        return [path for hook in terms for path in find_hooks(hook, folders, **asked)]
