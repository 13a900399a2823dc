# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter that makes of a password what a PostgreSQL server keeps of it."""

from __future__ import annotations

import os
from base64 import b64decode

from ansible.errors import AnsibleFilterError
from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.scram import ITERATIONS, verifier


def postgresql_scram_verifier(password, salt="", iterations=ITERATIONS):
    """Return the verifier of a password; ``salt`` is in base64, and a random one if empty."""
    try:
        return verifier(str(password), b64decode(salt, validate=True) or os.urandom(16), iterations)
    except ValueError as error:
        raise AnsibleFilterError(f"postgresql_scram_verifier: {error}") from None


class FilterModule:
    """The filter ``postgresql_scram_verifier``."""

    def filters(self):
        """Return the filter by name."""
        return {"postgresql_scram_verifier": postgresql_scram_verifier}
