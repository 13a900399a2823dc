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
options:
  _terms:
    description: Name of the hook, the file's name without C(.yml).
    required: true
  paths:
    description: Folders that hold layers, beside those of the collection.
    type: list
    elements: path
    default: []
  reverse:
    description: Whether the last layer comes first, as when a host leaves.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Ask every layer
  ansible.builtin.include_tasks: "{{ item }}"
  loop: "{{ query('ai_infn.platform.layer_hooks', 'preflight', paths=layer_paths) }}"
"""

RETURN = r"""
_raw:
  description: Paths of the hook's files.
  type: list
  elements: path
"""

from collections.abc import Iterable
from pathlib import Path

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

COLLECTION_LAYERS = Path(__file__).resolve().parents[2] / "playbooks" / "layers"


def find_hooks(hook: str, folders: Iterable[Path], reverse: bool = False) -> list[str]:
    """Return the files ``<folder>/<NN-layer>/<hook>.yml`` of all folders in the order of the layers' names."""
    found = [path for folder in folders for path in folder.glob(f"*/{hook}.yml")]
    return [str(path) for path in sorted(found, key=lambda path: path.parent.name, reverse=reverse)]


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
        return [path for hook in terms for path in find_hooks(hook, folders, self.get_option("reverse"))]
