"""The API client over a server of the test's own: pages, watches, history that is gone, errors."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest
from kube_api import ApiError, Change, Client, Connection, HealthServer, Reflector, in_cluster
from kube_api.reflector import LONGEST_PAUSE_S, pauses

Json = dict[str, Any]
PATH = "/api/v1/things"


class Server:
    """Answers each request from a script of (status, body); a list as body is a watch's events."""

    def __init__(self) -> None:
        self.script: list[tuple[int, Json | list[Json]]] = []
        self.asked: list[dict[str, str]] = []
        script, asked = self.script, self.asked

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
                asked.append({**query, "authorization": self.headers.get("Authorization", "")})
                status, body = script.pop(0) if script else (503, {"message": "the script is over"})
                self.send_response(status)
                if isinstance(body, list):
                    self._chunks(body)
                else:
                    payload = json.dumps(body).encode()
                    self.send_header("Content-Length", str(len(payload)))
                    self.end_headers()
                    self.wfile.write(payload)

            def _chunks(self, events: list[Json]) -> None:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for event in events:
                    line = json.dumps(event).encode() + b"\n"
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.write(b"0\r\n\r\n")

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a server that follows its script."""
    started = Server()
    yield started
    started.stop()


@pytest.fixture
def client(server: Server, tmp_path: Path) -> Client:
    """Return a client of that server with a token."""
    token = tmp_path / "token"
    token.write_text("secret\n")
    return Client(Connection("127.0.0.1", server.port, ca_file=None, token_file=token))


def item(name: str, version: str) -> Json:
    return {"metadata": {"name": name, "resourceVersion": version}}


def changes(client: Client, number: int) -> list[tuple[str, list[str]]]:
    """Run a reflector until it told so many changes; return verbs and names."""
    told: queue.Queue[Change] = queue.Queue()
    reflector = Reflector(client, "things", PATH, told.put, {"labelSelector": "a=b"})
    reflector.start()
    try:
        seen = [told.get(timeout=5) for _ in range(number)]
    finally:
        reflector.stop()
    return [(change.verb, [one["metadata"]["name"] for one in change.objects]) for change in seen]


def test_a_request_carries_token_and_query_and_returns_the_object(server: Server, client: Client) -> None:
    server.script.append((200, {"kind": "Thing"}))
    assert client.request("GET", PATH, {"limit": "1"}) == {"kind": "Thing"}
    assert server.asked == [{"limit": "1", "authorization": "Bearer secret"}]


def test_an_error_carries_status_and_the_servers_message(server: Server, client: Client) -> None:
    server.script.append((403, {"message": "things is forbidden"}))
    with pytest.raises(ApiError, match="things is forbidden") as caught:
        client.request("GET", PATH)
    assert caught.value.status == 403


def test_no_answer_is_an_error_without_status() -> None:
    with pytest.raises(ApiError) as caught:
        Client(Connection("127.0.0.1", 1, None, None)).request("GET", PATH)
    assert caught.value.status == 0


def test_a_reflector_lists_all_pages_and_follows_the_changes(server: Server, client: Client) -> None:
    server.script += [
        (200, {"metadata": {"resourceVersion": "4", "continue": "more"}, "items": [item("a", "1")]}),
        (200, {"metadata": {"resourceVersion": "5"}, "items": [item("b", "2")]}),
        (
            200,
            [
                {"type": "ADDED", "object": item("c", "6")},
                {"type": "BOOKMARK", "object": item("", "7")},
                {"type": "DELETED", "object": item("a", "8")},
            ],
        ),
    ]
    assert changes(client, 3) == [("replaced", ["a", "b"]), ("set", ["c"]), ("removed", ["a"])]
    assert server.asked[1]["continue"] == "more"
    assert server.asked[2]["resourceVersion"] == "5"
    assert server.asked[2]["labelSelector"] == "a=b"


@pytest.mark.parametrize(
    "gone",
    [
        lambda: (410, {"message": "too old"}),
        lambda: (200, [{"type": "ERROR", "object": {"code": 410, "message": "too old"}}]),
    ],
)
def test_history_that_is_gone_is_listed_again(
    server: Server, client: Client, gone: Callable[[], tuple[int, Json | list[Json]]]
) -> None:
    server.script += [
        (200, {"metadata": {"resourceVersion": "5"}, "items": []}),
        gone(),
        (200, {"metadata": {"resourceVersion": "9"}, "items": [item("a", "9")]}),
    ]
    assert changes(client, 2) == [("replaced", []), ("replaced", ["a"])]


def test_a_server_that_is_away_is_asked_again(server: Server, client: Client) -> None:
    server.script += [(503, {"message": "starting"}), (200, {"metadata": {}, "items": [item("a", "1")]})]
    assert changes(client, 1) == [("replaced", ["a"])]


def test_pauses_grow_to_a_limit() -> None:
    waits = pauses()
    seen = [next(waits) for _ in range(20)]
    assert seen[0] <= 0.2
    assert LONGEST_PAUSE_S / 2 <= seen[-1] <= LONGEST_PAUSE_S


def test_a_pod_finds_its_api_in_its_environment(tmp_path: Path) -> None:
    connection = in_cluster({"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "6443"}, tmp_path)
    assert (connection.host, connection.port, connection.ca_file) == ("10.96.0.1", 6443, tmp_path / "ca.crt")
    with pytest.raises(ApiError, match="KUBERNETES_SERVICE_HOST"):
        in_cluster({}, tmp_path)


def test_health_says_why_not() -> None:
    server = HealthServer("127.0.0.1", 0, alive=lambda: None, ready=lambda: "not yet", metrics=lambda: [])
    server.start()
    try:
        with urlopen(f"http://127.0.0.1:{server.port}/healthz") as answer:
            assert answer.read() == b"ok\n"
        with pytest.raises(OSError, match="503"):
            urlopen(f"http://127.0.0.1:{server.port}/readyz")
    finally:
        server.stop()
