# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters about the shared filesystem: what is wrong with it as declared, where it is mounted, and its backup."""

from __future__ import annotations

from ansible_collections.ai_infn.platform.plugins.module_utils.shared_filesystem import (
    backup_check,
    mount_problem,
    nfs_leave_problem,
    problems,
)


def by_name(variables):
    """Return the variables of hosts by the hosts' names."""
    return {host["inventory_hostname"]: host for host in variables}


def shared_filesystem_problems(variables, monitors, backups, servers):
    """Return a sentence for each contradiction; ``variables`` are those of the hosts in group shared_filesystem."""
    return problems(monitors, by_name(variables), backups, servers)


def shared_filesystem_nfs_leave_problem(variables, host, servers):
    """Return why a server of NFS cannot leave.

    ``variables`` are those of the hosts in group shared_filesystem, ``servers`` those of the hosts in ceph_nfs.
    """
    return nfs_leave_problem(by_name(variables), host, by_name(servers))


class FilterModule:
    """The filters ``shared_filesystem_problems``, ``_mount_problem``, ``_nfs_leave_problem`` and ``_backup_check``."""

    def filters(self):
        """Return the filters by name."""
        return {
            "shared_filesystem_problems": shared_filesystem_problems,
            "shared_filesystem_mount_problem": mount_problem,
            "shared_filesystem_nfs_leave_problem": shared_filesystem_nfs_leave_problem,
            "shared_filesystem_backup_check": backup_check,
        }
