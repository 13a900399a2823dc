"""Which pods belong to no session."""

from __future__ import annotations

import asyncio
from typing import Any

from hub.limits import SESSION
from hub.upkeep import Orphans, orphans

from tests.unit.hub.samples import pod

LABELS = {SESSION: "interactive"}


class Server:
    """Takes requests for an API server's."""

    def __init__(self) -> None:
        self.removed: list[tuple[str, str]] = []

    def request(self, method: str, path: str, query: Any, body: dict[str, Any]) -> dict[str, Any]:
        assert method == "DELETE"
        self.removed.append((path, body["preconditions"]["uid"]))
        return {}


def test_a_session_of_the_hub_is_none_and_neither_is_one_that_ends_or_another_pod() -> None:
    known = pod("user-1", "n", {}, labels=LABELS)
    ending = pod("user-2", "n", {}, labels=LABELS, deletionTimestamp="now")
    job = pod("user-3", "n", {})
    lost = pod("user-4", "n", {}, labels=LABELS)
    assert orphans([known, ending, job, lost], [("user-1", "user-1")]) == [lost]


def test_one_is_removed_when_it_is_seen_a_second_time() -> None:
    server = Server()
    keeper = Orphans(server)  # type: ignore[arg-type]
    lost = pod("user-4", "n", {}, labels=LABELS)
    asyncio.run(keeper.remove([lost], []))
    assert server.removed == []
    asyncio.run(keeper.remove([lost], []))
    assert server.removed == [("/api/v1/namespaces/user-4/pods/user-4", "user-4")]
