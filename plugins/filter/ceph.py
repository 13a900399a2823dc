# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters about Ceph: a secret as it writes it, what is wrong with a declared cluster, and how one is."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.declared import problems
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.keys import written
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.status import checks


def ceph_key(secret):
    """Return the key of a secret of 32 hexadecimal digits."""
    try:
        return written(bytes.fromhex(str(secret)))
    except ValueError as error:
        raise AnsibleFilterError(f"ceph_key: {error}") from None


def ceph_problems(variables, monitors, metadata, replicas):
    """Return a sentence for each contradiction; ``variables`` are those of the hosts in group ceph_osd."""
    hosts = {host["inventory_hostname"]: host for host in variables}
    return problems(monitors, list(hosts), metadata, int(replicas), hosts)


class FilterModule:
    """The filters ``ceph_key``, ``ceph_problems`` and ``ceph_checks``."""

    def filters(self):
        """Return the filters by name."""
        return {"ceph_key": ceph_key, "ceph_problems": ceph_problems, "ceph_checks": checks}
