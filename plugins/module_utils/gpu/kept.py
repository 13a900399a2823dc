# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is kept of a cut: the file from which a boot makes the slices again, and the note on the host's Node."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.layout import Declared
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.mig_parted import record_of
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.note import note_patch
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import ApiError, Kubernetes, wait_for
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.files import Wanted, difference, plan
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.parts import carry_out, found_files

PATIENCE = 30
"""Seconds in which the API must answer."""


class NoteError(RuntimeError):
    """The Node could not be given its note; the message says why."""


def record(module: AnsibleModule, path: str, host: Declared) -> list[dict[str, str]]:
    """Have the layout in a file; return the differences."""
    steps = plan([Wanted(path, record_of(host))], found_files([path]))
    for step in [] if module.check_mode else steps:
        carry_out(module, step)
    return [difference(step) for step in steps]


def note(module: AnsibleModule, name: str, cards: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Have what was made on the host's Node; return the differences.

    The kubelet's own credentials suffice. A host that is no node yet is left alone, with a warning. Raises NoteError.
    """
    kubeconfig, path = module.params["kubeconfig"], f"/api/v1/nodes/{name}"
    failures: list[str] = []
    found: list[list[dict[str, str]] | None] = []

    def noted() -> bool:
        try:
            client = Kubernetes(kubeconfig)
            node = client.find(path)
            patch, diff = note_patch(node, module.params["model"], cards) if node else ({}, None)
            if patch and not module.check_mode:
                client.merge(path, patch)
        except (ApiError, OSError) as error:
            failures.append(str(error))
            return False
        found.append(diff)
        return True

    if os.path.exists(kubeconfig) and not wait_for(noted, PATIENCE):
        raise NoteError(f"the Node {name} has no note of its cards: {failures[-1]}. Remedy: see status.yml.")
    diff = found[0] if found else None
    if diff is None:
        module.warn(f"{name} is no node of a cluster yet, and so has no note of its cards. Remedy: run site.yml.")
    return diff or []
