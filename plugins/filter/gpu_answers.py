# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters over what GPU hosts have answered, registered under one name on each."""

from __future__ import annotations

from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.report import answer_of, checks


def gpu_answers(variables, registered):
    """Return the hosts with these variables as the module gpu_report takes them; ``registered`` names the answer."""
    return [
        {
            "name": host["inventory_hostname"],
            "model": host.get("gpu_model") or "",
            "server": host.get("openstack_server_host_id") or "",
            "answer": host.get(registered) or {},
        }
        for host in variables
    ]


def gpu_checks(hosts, nodes):
    """Return the status checks of hosts as ``gpu_answers`` returns them, against the Nodes of the cluster."""
    return checks(nodes, [answer_of(**host) for host in hosts])


class FilterModule:
    """The filters ``gpu_answers`` and ``gpu_checks``."""

    def filters(self):
        """Return the filters by name."""
        return {"gpu_answers": gpu_answers, "gpu_checks": gpu_checks}
