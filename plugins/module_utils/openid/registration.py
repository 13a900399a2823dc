# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The file that keeps a client's registration."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from typing import Any

from ansible_collections.ai_infn.platform.plugins.module_utils.openid.http import ProviderError


def load(path: str) -> dict[str, Any]:
    """Return the record of a registration, {} where there is none. Raises ProviderError where it cannot be read."""
    if not os.path.exists(path):
        return {}
    try:
        with open(path, encoding="utf-8") as stream:
            found = json.load(stream)
        return {**found, "client_id": found["client_id"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProviderError(
            f"{path} is no record of a registration: {error!r}. Remedy: bring it back from a copy"
        ) from error


class Draft:
    """The place of a record, made before there is anything to be kept."""

    def __init__(self, path: str) -> None:
        self._path = path
        folder = os.path.dirname(path) or "."
        try:
            self._handle, self._draft = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=folder)
        except OSError as error:
            raise ProviderError(f"{folder} cannot keep a registration: {error}. Nothing was asked for") from error

    def keep(self, record: Mapping[str, Any]) -> None:
        """Have the record on the disk."""
        with os.fdopen(self._handle, "w", encoding="utf-8") as stream:
            json.dump(record, stream, indent=2, sort_keys=True)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(self._draft, self._path)

    def forget(self) -> None:
        """Remove the place, which nothing was kept in."""
        os.close(self._handle)
        os.unlink(self._draft)
