# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter about numbers and folders of accounts and groups."""

from __future__ import annotations

from ansible_collections.ai_infn.platform.plugins.module_utils.identity import checks


class FilterModule:
    """The filter ``identity_checks``."""

    def filters(self):
        """Return the filter by name."""
        return {"identity_checks": checks}
