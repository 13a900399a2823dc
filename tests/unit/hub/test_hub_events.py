"""What a person who waits is told."""

from __future__ import annotations

import pytest
from hub.events import words

SHORT = (
    "0/8 nodes are available: 1 Insufficient nvidia.com/mig-1g.5gb, 7 node(s) didn't match Pod's node affinity."
    " preemption: 0/8 nodes are available: 8 Preemption is not helpful for scheduling."
)


@pytest.mark.parametrize(
    ("reason", "message", "said"),
    [
        ("FailedScheduling", SHORT, "Waiting for a host: no free GPU on 1 host."),
        (
            "FailedScheduling",
            "0/2 nodes are available: 2 Insufficient cpu.",
            "Waiting for a host: no free CPU on 2 hosts.",
        ),
        (
            "FailedScheduling",
            "0/2 nodes are available: 2 node(s) had untolerated taint",
            "Waiting for a host that fits your session.",
        ),
        ("Scheduled", "assigned", "A host has room for your session."),
        (
            "BackOff",
            "Back-off pulling image",
            "The image cannot be fetched. Please tell the site's administrators; the host tries again.",
        ),
        ("Strange", "as the cluster says", "as the cluster says"),
    ],
)
def test_words(reason: str, message: str, said: str) -> None:
    assert words({"reason": reason, "message": message}) == said
