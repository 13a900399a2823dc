# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters over the declared GPU hosts of an inventory."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.capacity import capacity
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.layout import (
    LayoutError,
    declared,
    layout_problems,
)


def _declared(variables):
    return [host for host in map(declared, variables) if host is not None]


def gpu_capacity(variables):
    """Return the numbers of cards and GPUs that hosts with these variables offer."""
    try:
        return capacity(_declared(variables))
    except LayoutError as error:
        raise AnsibleFilterError(str(error)) from error


def gpu_layout_problems(variables):
    """Return a sentence for each contradiction in what the hosts declare."""
    return [problem for host in _declared(variables) for problem in layout_problems(host)]


class FilterModule:
    """The filters ``gpu_capacity`` and ``gpu_layout_problems``."""

    def filters(self):
        """Return the filters by name."""
        return {"gpu_capacity": gpu_capacity, "gpu_layout_problems": gpu_layout_problems}
