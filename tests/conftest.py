"""Make the collection and the services importable as they are when installed."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / ".ansible" / "collections", *sorted((ROOT / "services").glob("*"))):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
