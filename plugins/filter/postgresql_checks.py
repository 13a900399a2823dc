# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters over what database hosts and backup hosts have answered to modules."""

from __future__ import annotations

from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.backups import backup_checks
from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.leaving import leave_problems
from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.servers import server_checks
from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.status import asked, checks


def postgresql_checks(variables, answers, defaults, backups):
    """Return the status checks of database hosts with these variables; ``answers`` and ``backups`` are by host."""
    hosts = asked(variables, answers, defaults)
    return [*checks(hosts), *server_checks(hosts), *backup_checks(hosts, backups)]


def postgresql_leave_problems(variables, name, answers, defaults):
    """Return why a host may not be removed; ``answers`` are those of the others, by host."""
    return leave_problems(name, asked(variables, answers, defaults))


class FilterModule:
    """The filters ``postgresql_checks`` and ``postgresql_leave_problems``."""

    def filters(self):
        """Return the filters by name."""
        return {"postgresql_checks": postgresql_checks, "postgresql_leave_problems": postgresql_leave_problems}
