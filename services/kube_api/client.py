"""Requests to the Kubernetes API over HTTPS with a service account's token."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
REQUEST_TIMEOUT_S = 15.0
WATCH_SILENCE_S = 90.0
"""A watch that says nothing for so long is taken for dead; bookmarks come about once a minute."""


class ApiError(Exception):
    """The API answered with an error; `status` is the HTTP status (0 when there was no answer)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"HTTP {status}: {message}" if status else message)
        self.status = status


@dataclass(frozen=True)
class Connection:
    """Where the API is and how to be known to it. The token is read anew for each connection, as it rotates."""

    host: str
    port: int
    ca_file: Path | None
    token_file: Path | None
    server_name: str | None = None

    def open(self, timeout: float) -> http.client.HTTPConnection:
        """Open a connection; without `ca_file` it is plain HTTP (tests)."""
        connection: http.client.HTTPConnection
        if self.ca_file is None:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        else:
            context = ssl.create_default_context(cafile=str(self.ca_file))
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=context)
        connection.connect()
        _keep_alive(connection.sock)
        return connection

    def headers(self) -> dict[str, str]:
        """Return the headers of every request."""
        headers = {"Accept": "application/json", "User-Agent": "ai-infn-platform"}
        if self.token_file is not None:
            headers["Authorization"] = "Bearer " + self.token_file.read_text(encoding="ascii").strip()
        return headers


def in_cluster(environ: Mapping[str, str] | None = None, folder: Path = SERVICE_ACCOUNT) -> Connection:
    """Return the connection that the kubelet prepares for a pod; ``environ`` is the process's own by default."""
    environ = os.environ if environ is None else environ
    host = environ.get("KUBERNETES_SERVICE_HOST")
    if not host:
        raise ApiError(0, "KUBERNETES_SERVICE_HOST is not set: run this in a pod")
    port = int(environ.get("KUBERNETES_SERVICE_PORT", "443"))
    return Connection(host=host, port=port, ca_file=folder / "ca.crt", token_file=folder / "token")


class Client:
    """One request per connection: threads share a client freely, and no request meets a half-dead connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """Return the answer's JSON object; raise ApiError on an error status or when there is no answer."""
        try:
            connection = self._connection.open(REQUEST_TIMEOUT_S)
            try:
                response = self._send(connection, method, path, query, body, content_type)
                payload = response.read()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(0, f"{method} {path}: {error}") from error
        return _object(payload)

    def watch(self, path: str, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Yield the events of a watch until the server ends it; raise ApiError when it breaks."""
        try:
            connection = self._connection.open(REQUEST_TIMEOUT_S)
            try:
                response = self._send(connection, "GET", path, {**query, "watch": "true"}, None, "application/json")
                if connection.sock is not None:
                    connection.sock.settimeout(WATCH_SILENCE_S)
                for line in response:
                    if line.strip():
                        yield _object(line)
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(0, f"watch {path}: {error}") from error

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        content_type: str,
    ) -> http.client.HTTPResponse:
        headers = self._connection.headers()
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = content_type
        target = f"{path}?{urlencode(query)}" if query else path
        connection.request(method, target, body=data, headers=headers)
        response = connection.getresponse()
        if response.status >= 400:
            raise ApiError(response.status, f"{method} {path}: {_message(response.read())}")
        return response


def _object(payload: bytes) -> dict[str, Any]:
    try:
        value = json.loads(payload)
    except ValueError as error:
        raise ApiError(0, f"the API sent no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ApiError(0, "the API sent no JSON object")
    return value


def _message(payload: bytes) -> str:
    try:
        return str(json.loads(payload)["message"])
    except (ValueError, KeyError, TypeError):
        return payload[:200].decode(errors="replace")


def _keep_alive(connection: socket.socket) -> None:
    """Notice a vanished peer within half a minute, also while a watch has nothing to say."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
