"""Makes the hub importable, and the part of the collection that is in its image."""

from __future__ import annotations

import sys

from tests.support import ROOT

sys.path.insert(0, str(ROOT / "services"))
