"""List and watch one kind of object, for ever: the half of a controller that is the same in all of them."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kube_api.client import ApiError, Client

PAGE = "500"
WATCH_S = 300
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
SHORT_WATCH_S = 1.0
"""A server that ends watches at once is not asked more often than that."""
GONE = 410

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """What a reflector tells: `replaced` (the whole list), or `set` or `removed` (one object)."""

    kind: str
    verb: str
    objects: tuple[dict[str, Any], ...]


def pauses() -> Iterator[float]:
    """Yield growing pauses in seconds with jitter, between FIRST_PAUSE_S and LONGEST_PAUSE_S."""
    pause = FIRST_PAUSE_S
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311 (jitter, not a secret)
        pause = min(pause * 2, LONGEST_PAUSE_S)


class Reflector(threading.Thread):
    """Calls `tell` with every change of the objects under `path`, from its own thread.

    A watch that ends is resumed from the last resource version, also one known from a bookmark alone. When the
    server no longer has that version (410), or anything else fails, the list is read again after a pause.
    """

    def __init__(
        self,
        client: Client,
        kind: str,
        path: str,
        tell: Callable[[Change], None],
        query: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(name=f"reflector-{kind}", daemon=True)
        self.kind = kind
        self.errors = 0
        self._client = client
        self._path = path
        self._query = dict(query or {})
        self._tell = tell
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Let the thread end after the event it is waiting for."""
        self._stopped.set()

    def run(self) -> None:
        """List and watch until stopped."""
        waits = pauses()
        while not self._stopped.is_set():
            try:
                version = self._list()
                waits = pauses()
                self._watch(version)
            except ApiError as error:
                if error.status == GONE:
                    log.info("%s: history is gone, listing again", self.kind)
                    continue
                self.errors += 1
                log.warning("%s: %s", self.kind, error)
                self._stopped.wait(next(waits))

    def _list(self) -> str:
        """Read all pages, tell them as one replacement and return the list's resource version."""
        items: list[dict[str, Any]] = []
        query = {**self._query, "limit": PAGE}
        while True:
            page = self._client.request("GET", self._path, query)
            items.extend(page.get("items") or [])
            metadata = page.get("metadata") or {}
            following = metadata.get("continue")
            if not following:
                self._tell(Change(self.kind, "replaced", tuple(items)))
                return str(metadata.get("resourceVersion", ""))
            query["continue"] = following

    def _watch(self, version: str) -> None:
        """Follow the changes after `version`, renewing the watch each time the server ends it."""
        while not self._stopped.is_set():
            query = {
                **self._query,
                "resourceVersion": version,
                "allowWatchBookmarks": "true",
                "timeoutSeconds": str(WATCH_S),
            }
            started = time.monotonic()
            for event in self._client.watch(self._path, query):
                version = self._follow(event) or version
                if self._stopped.is_set():
                    return
            if time.monotonic() - started < SHORT_WATCH_S:
                self._stopped.wait(SHORT_WATCH_S)

    def _follow(self, event: dict[str, Any]) -> str | None:
        """Tell one event and return the resource version it carries."""
        verb, item = event.get("type"), event.get("object") or {}
        if verb == "ERROR":
            raise ApiError(int(item.get("code") or 0), str(item.get("message")))
        if verb in ("ADDED", "MODIFIED"):
            self._tell(Change(self.kind, "set", (item,)))
        elif verb == "DELETED":
            self._tell(Change(self.kind, "removed", (item,)))
        version = (item.get("metadata") or {}).get("resourceVersion")
        return str(version) if version else None
