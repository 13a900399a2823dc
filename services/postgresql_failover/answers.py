"""Tells by HTTP what this host's server is, for proxies that send clients to whoever leads.

``GET /primary`` is 200 while the server leads and this host's agent knows that it does, ``GET /standby`` while it
receives from who leads; otherwise both are 503. Paths and meaning are those of Patroni's, so its recipes for proxies
hold.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from postgresql_failover.decision import Cluster, Server

PATHS = {"/primary": "primary", "/standby": "standby"}
PATIENCE = 5.0
"""Seconds that a client may take for its handshake and its question."""


def role(server: Server, seen: Cluster, me: str) -> str:
    """Return what a server is to clients: ``primary``, ``standby``, or nothing."""
    leader = seen.leader
    if seen.silence or not leader or not leader.ready or not server.running:
        return ""
    if leader.member == me:
        return "primary" if server.primary else ""
    return "standby" if server.upstream == leader.member else ""


class Answers:
    """The last word of the agent, for as long as it is good for."""

    def __init__(self, good_for: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._good_for = good_for
        self._clock = clock
        self._noted = ("", 0.0)

    def note(self, found: str, since: float) -> None:
        """Note what the server is, as of a moment of the clock."""
        self._noted = (found, since)

    @property
    def role(self) -> str:
        """What the server is; nothing once nobody has said so for too long."""
        found, since = self._noted
        return found if self._clock() - since <= self._good_for else ""

    def serve(self, address: tuple[str, int], tls: ssl.SSLContext | None) -> ThreadingHTTPServer:
        """Answer beside whatever else this process does. Raises OSError where the address is taken."""
        server = Listener(address, tls, lambda: self.role)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


class Listener(ThreadingHTTPServer):
    """Listens; each handshake has its own thread, so that a client that says nothing delays nobody."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], tls: ssl.SSLContext | None, ask: Callable[[], str]) -> None:
        self._tls = tls
        self.ask = ask
        super().__init__(address, Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answer one connection; one that breaks is the client's business."""
        request.settimeout(PATIENCE)
        with contextlib.suppress(OSError):
            if self._tls is None:
                super().finish_request(request, client_address)
                return
            with self._tls.wrap_socket(request, server_side=True) as connection:
                super().finish_request(connection, client_address)


class Handler(BaseHTTPRequestHandler):
    """One question."""

    server: Listener

    def do_GET(self) -> None:
        """Say whether the server is what the path names."""
        found, asked = self.server.ask(), PATHS.get(self.path)
        status = HTTPStatus.NOT_FOUND if asked is None else HTTPStatus.OK
        if asked and found != asked:
            status = HTTPStatus.SERVICE_UNAVAILABLE
        body = f"{found or 'neither'}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_OPTIONS = do_GET

    def log_message(self, *_words: object) -> None:
        """Say nothing: each proxy asks each second."""
