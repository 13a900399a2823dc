# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter about the namespaces of accounts."""

from __future__ import annotations

from ansible_collections.ai_infn.platform.plugins.module_utils.tenants import checks


class FilterModule:
    """The filter ``tenants_checks``."""

    def filters(self):
        """Return the filter by name."""
        return {"tenants_checks": checks}
