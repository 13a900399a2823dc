# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters that find contradictions in the overlay's options."""

from __future__ import annotations

from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.networks import (
    control_plane_problems,
    network_problems,
)


class FilterModule:
    """The filters ``control_plane_problems`` and ``network_problems``."""

    def filters(self):
        """Return the filters by name."""
        return {"control_plane_problems": control_plane_problems, "network_problems": network_problems}
