# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host's layout in the words of nvidia-mig-parted, which restores it at boot. Pure: no I/O.

Source of the format: api/spec/v1 of github.com/NVIDIA/mig-parted. It numbers cards as NVML does, and names profiles as
``profiles`` does. It counts slices by profile and knows no places: where they go is the driver's choice.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Optional

from .cards import Wanted
from .layout import Declared, resolve
from .profiles import MODELS

NAME = "declared"
"""Of the one configuration in the file."""
HEADER = "# Written by ai_infn.platform.nvidia_mig: the layout that the cards were last cut to.\n"


def configuration(host: Declared) -> dict[str, Any]:
    """Return the configuration file, an entry for each group of equal cards; empty where no card can be cut.

    Raises LayoutError.
    """
    cards: dict[Wanted, list[int]] = {}
    for index, wanted in sorted(resolve(host).items()):
        cards.setdefault(wanted, []).append(index)
    if not MODELS[host.model].profiles:
        return {}
    return {"version": "v1", "mig-configs": {NAME: [_entry(wanted, indices) for wanted, indices in cards.items()]}}


def record_of(host: Declared) -> Optional[str]:
    """Return the configuration as a file, in the part of YAML that is JSON; None where no card can be cut."""
    found = configuration(host)
    return f"{HEADER}{json.dumps(found, indent=2)}\n" if found else None


def _entry(wanted: Wanted, indices: list[int]) -> dict[str, Any]:
    entry: dict[str, Any] = {"devices": indices, "mig-enabled": wanted.mig}
    return {**entry, "mig-devices": dict(Counter(wanted.profiles))} if wanted.mig else entry
