# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A filter that says a host's layout in the words of nvidia-mig-parted."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.layout import LayoutError, declared
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.mig_parted import configuration


def mig_parted_config(variables):
    """Return nvidia-mig-parted's configuration for a host with these variables; empty where it has nothing to cut."""
    host = declared(variables)
    if host is None or host.model == "":
        return {}
    try:
        return configuration(host)
    except LayoutError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filter ``mig_parted_config``."""

    def filters(self):
        """Return the filter by name."""
        return {"mig_parted_config": mig_parted_config}
