# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters that find contradictions in the declared PostgreSQL clusters and their voters."""

from __future__ import annotations

from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.declared import (
    backup_problems,
    cluster_problems,
    members,
    proxy_problems,
    repository_problems,
    voter_problems,
)


def postgresql_problems(variables, voters, defaults):
    """Return a sentence for each contradiction in what database hosts with these variables declare."""
    return cluster_problems(members(variables, defaults), voters)


class FilterModule:
    """The filters ``postgresql_problems``, ``postgresql_backup_problems``, ``postgresql_repository_problems``,
    ``postgresql_proxy_problems`` and ``etcd_voter_problems``.
    """

    def filters(self):
        """Return the filters by name."""
        return {
            "postgresql_problems": postgresql_problems,
            "postgresql_backup_problems": backup_problems,
            "postgresql_repository_problems": repository_problems,
            "postgresql_proxy_problems": proxy_problems,
            "etcd_voter_problems": voter_problems,
        }
