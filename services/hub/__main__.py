"""Run the hub."""

from __future__ import annotations

import sys
from pathlib import Path

from hub.application import SiteHub

if __name__ == "__main__":
    config = Path(__file__).with_name("jupyterhub_config.py")
    SiteHub.launch_instance([f"--config={config}", *sys.argv[1:]])
