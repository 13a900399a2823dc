"""What the hub does without being asked: it knows accounts anew, and leaves no pod that belongs to no session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from kube_api import ApiError, Client

from hub.limits import SESSION

REFRESH_S = 240.0
"""How often each account with a session or a token is asked for: no new session five minutes after it is disabled."""
ORPHANS_S = 15.0

Json = Mapping[str, Any]

log = logging.getLogger(__name__)


async def every(seconds: float, step: Callable[[], Awaitable[None]]) -> None:
    """Take a step for ever; one that fails is told of and taken again."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await step()
        except Exception:
            log.exception("%s failed; it is tried again in %.0f s", step.__name__, seconds)


def orphans(pods: Iterable[Json], known: Iterable[tuple[str, str]]) -> list[Json]:
    """Return pods that are sessions and belong to no server of the hub (namespace and name of each)."""
    living = set(known)
    found = []
    for pod in pods:
        about = pod["metadata"]
        is_session = SESSION in (about.get("labels") or {}) and not about.get("deletionTimestamp")
        if is_session and (about["namespace"], about["name"]) not in living:
            found.append(pod)
    return found


class Orphans:
    """Removes pods that two looks in a row have found to belong to nobody: a hub that was killed has left them."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._seen: set[str] = set()

    async def remove(self, pods: Iterable[Json], known: Iterable[tuple[str, str]]) -> None:
        """Remove those that were found before, and remember the others."""
        found = {pod["metadata"]["uid"]: pod for pod in orphans(pods, known)}
        for uid in self._seen & set(found):
            about = found[uid]["metadata"]
            path = f"/api/v1/namespaces/{about['namespace']}/pods/{about['name']}"
            body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
            try:
                await asyncio.to_thread(self._client.request, "DELETE", path, None, body)
                log.warning("removed pod %s/%s, which belongs to no session", about["namespace"], about["name"])
            except ApiError as error:
                if error.status not in (404, 409):
                    raise
        self._seen = set(found)
