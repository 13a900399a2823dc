"""Start nova-compute with the lab's driver.

nova looks for compute drivers only below ``nova.virt``, so ours is registered there under the name that the
configuration uses (``compute_driver = podman.PodmanDriver``). nova also refuses a second start without an identity
file: it is derived from the host's name, so it is the same after every reset of the lab.
"""

from __future__ import annotations

import configparser
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

NAMESPACE = uuid.UUID("6f1f5f0e-1c9c-4a3b-9c53-0a1b7a1f1a11")


def compute_id(host: str) -> str:
    """The identity of the compute service of this host."""
    return str(uuid.uuid5(NAMESPACE, host))


def configuration(arguments: Sequence[str]) -> tuple[str, Path]:
    """Find host and state folder in the configuration files that the command line names."""
    parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if word == "--config-file":
            parser.read(following, encoding="utf-8")
        elif word.startswith("--config-file="):
            parser.read(word.partition("=")[2], encoding="utf-8")
    return parser["DEFAULT"]["host"], Path(parser["DEFAULT"]["state_path"])


def main() -> int:
    """Seed the identity, register the driver and hand over to nova."""
    host, state = configuration(sys.argv[1:])
    state.mkdir(parents=True, exist_ok=True)
    (state / "compute_id").write_text(compute_id(host), encoding="utf-8")

    from nova.cmd import compute  # first of nova's modules: it decides about monkey patching

    from lab.drivers.nova import podman

    sys.modules["nova.virt.podman"] = podman
    return compute.main() or 0


if __name__ == "__main__":
    sys.exit(main())
