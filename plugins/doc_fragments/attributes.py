# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of what all modules do in check mode and in diff mode."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of modules; one that shows differences says so itself."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and says what would change.
    support: full
  diff_mode:
    description: Shows in diff mode what changes.
    support: none
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode.
    details: It never changes anything.
    support: full
  diff_mode:
    description: Shows in diff mode what changes.
    details: It never changes anything.
    support: N/A
"""
