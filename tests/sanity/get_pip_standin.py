"""Stands in for the get-pip script that ansible-test would download: brings Python's own pip to the version."""

import ensurepip
import re
import subprocess
import sys

if __name__ == "__main__":
    ensurepip.bootstrap()
    packages = [argument for argument in sys.argv[1:] if re.match(r"^[a-z]+==", argument)]
    sys.exit(
        subprocess.call([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])
    )
