# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters over what database hosts have answered to the module postgresql_member."""

from __future__ import annotations

from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.status import asked, checks


def postgresql_checks(variables, answers, defaults):
    """Return the status checks of database hosts with these variables; ``answers`` are by host."""
    return checks(asked(variables, answers, defaults))


class FilterModule:
    """The filter ``postgresql_checks``."""

    def filters(self):
        """Return the filters by name."""
        return {"postgresql_checks": postgresql_checks}
