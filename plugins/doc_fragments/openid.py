# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of how a server of identities is asked."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of all modules that ask one."""

    DOCUMENTATION = r"""
options:
  authority:
    description: File with the authority of the servers' certificates. The default is whom the host trusts.
    type: path
  timeout:
    description: After how many seconds without an answer it fails.
    type: int
    default: 30
"""
