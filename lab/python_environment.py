"""Environments of Python that are made once from a lock, beside the controller's own."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from lab import settings
from lab.commands import run


def is_complete(folder: Path) -> bool:
    """Whether a cached folder was finished; an interrupted build leaves no such mark."""
    return (folder / ".complete").exists()


def ensure(folder: Path, lock: Path) -> Path:
    """Have what a lock names installed in a folder, byte-compiled, and return the folder. Raises CommandError."""
    if is_complete(folder):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    run(["/usr/bin/python3", "-m", "venv", "--without-pip", folder])
    uv = Path(sys.executable).parent / "uv"
    environment = {**os.environ, "UV_CACHE_DIR": str(settings.CACHE / "build" / "uv"), "UV_HTTP_TIMEOUT": "180"}
    words = f"pip sync --quiet --require-hashes --compile-bytecode --python {folder}/bin/python"
    run([uv, *words.split(), lock], environment=environment, timeout=1800)
    (folder / ".complete").touch()
    return folder
