"""The reference for a change of layout: drain, nvidia-mig-parted and uncordon by hand over SSH, and nothing else.

Both sides start with the node's pods running and end when the node offers the new slices and takes pods again. The
configuration is the one that our role writes on the host, so that both cut alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from lab.bench.bare import fill
from lab.bench.guests import Host, Shell
from plugins.module_utils.gpu.capacity import resource_name
from plugins.module_utils.gpu.mig_parted import NAME


def relayout(shell: Shell, control: Host, host: Host, configuration: Mapping[str, Any]) -> None:
    """Cut the cards of a host as the configuration says; ends when the node offers them."""
    shell.run(control, fill("drain.sh", NAME=host.name))
    shell.run(host, cut_script(configuration))
    shell.run(control, uncordon_script(host, configuration))


def cut_script(configuration: Mapping[str, Any]) -> str:
    """What is run on the host."""
    text = yaml.safe_dump(dict(configuration), sort_keys=False)
    return fill("cut.sh", CONFIGURATION=text.strip(), SELECTED=NAME)


def uncordon_script(host: Host, configuration: Mapping[str, Any]) -> str:
    """What is run on the control plane at the end: it waits for the most numerous of the new slices."""
    numbers: dict[str, int] = {}
    for entry in configuration["mig-configs"][NAME]:
        for profile, number in entry.get("mig-devices", {}).items():
            numbers[profile] = numbers.get(profile, 0) + number * len(entry["devices"])
    if not numbers:
        raise ValueError("the configuration has no slices to wait for")
    profile = max(numbers, key=lambda name: numbers[name])
    resource = resource_name(profile).replace(".", r"\.")
    return fill("uncordon.sh", NAME=host.name, RESOURCE=resource, NUMBER=str(numbers[profile]))
