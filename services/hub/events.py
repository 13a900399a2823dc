"""What happens to a session's pod, in the words of the person who waits for it. Pure: no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SAID = {
    "Scheduled": "A host has room for your session.",
    "Pulling": "The image is on its way to the host; the first time takes longer.",
    "Pulled": "The image is there.",
    "Created": "Your session is being started.",
    "Started": "Your session has started; waiting for it to answer.",
    "Killing": "A former session is ending.",
    "FailedMount": "Your folders are not there yet; the host tries again.",
    "NodeNotReady": "The host of your session does not answer.",
    "Preempted": "Your session had to give way.",
}
SHORT = re.compile(r"(\d+) Insufficient (\S+?)[,.](?:\s|$)")
ROOM = {"cpu": "CPU", "memory": "memory", "ephemeral-storage": "disk", "pods": "room for pods"}


def words(event: Mapping[str, Any]) -> str:
    """Return an event as a person is told it; the cluster's own text where there are no better words."""
    reason, message = event.get("reason", ""), event.get("message", "") or ""
    if reason == "FailedScheduling":
        return _waiting(message)
    if reason in ("Failed", "BackOff") and "image" in message.lower():
        return "The image cannot be fetched. Please tell the site's administrators; the host tries again."
    return SAID.get(reason, message)


def _waiting(message: str) -> str:
    missing = []
    for number, resource in SHORT.findall(message + " "):
        name = ROOM.get(resource, "GPU" if resource.startswith("nvidia.com/") else resource)
        missing.append(f"no free {name} on {number} {'host' if number == '1' else 'hosts'}")
    if "preemption" in message and "Preemption is not helpful" not in message and not missing:
        return "Waiting for batch jobs to give way."
    if missing:
        return f"Waiting for a host: {', '.join(missing)}."
    return "Waiting for a host that fits your session."
