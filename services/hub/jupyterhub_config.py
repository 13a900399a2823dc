"""What JupyterHub reads when it starts."""

from pathlib import Path

from hub.configuration import configure
from hub.settings import read

configure(get_config(), read(Path("/etc/hub/settings.json")))  # type: ignore[name-defined]  # noqa: F821 (JupyterHub has it)
