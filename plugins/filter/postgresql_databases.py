# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters that find contradictions in the declared databases, users and grants of PostgreSQL clusters."""

from __future__ import annotations

from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.databases import (
    declared,
    doubts,
    known,
    problems,
)


def postgresql_database_problems(variables, defaults, members=None, answers=None):
    """Return a sentence for each contradiction; what hosts told of their cluster, and of what it has, is by host."""
    found = []
    for one in declared(variables, defaults):
        found += problems(one)
        there = known(((members or {}).get(name, {}) for name in one.hosts), map((answers or {}).get, one.hosts))
        if there is not None:
            found += [doubt.sentence for doubt in doubts(one) if doubt.is_problem(there)]
    return found


def postgresql_database_doubts(variables, defaults):
    """Return the names of what only the server can tell about."""
    return sorted({doubt.name for one in declared(variables, defaults) for doubt in doubts(one)})


class FilterModule:
    """The filters ``postgresql_database_problems`` and ``postgresql_database_doubts``."""

    def filters(self):
        """Return the filters by name."""
        return {
            "postgresql_database_problems": postgresql_database_problems,
            "postgresql_database_doubts": postgresql_database_doubts,
        }
