"""What proxies are told of a server, and for how long that is good."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from postgresql_failover.answers import Answers, role
from postgresql_failover.decision import Cluster, Leader, Server

PRIMARY, STANDBY = Server(True, True), Server(True, False, upstream="a")
LEADS = Cluster(Leader("a", 7, ready=True), None, {})


@pytest.mark.parametrize(
    ("me", "server", "seen", "expected"),
    [
        ("a", PRIMARY, LEADS, "primary"),
        ("b", STANDBY, LEADS, "standby"),
        ("b", Server(True, False), LEADS, ""),
        ("b", PRIMARY, LEADS, ""),
        ("a", STANDBY, LEADS, ""),
        ("a", Server(False, True), LEADS, ""),
        ("a", PRIMARY, Cluster(Leader("a", 7, ready=False), None, {}), ""),
        ("a", PRIMARY, Cluster(None, None, {}), ""),
        ("a", PRIMARY, Cluster(None, None, {}, silence=1.0), ""),
    ],
)
def test_a_server_is_what_who_leads_and_its_own_state_say(
    me: str, server: Server, seen: Cluster, expected: str
) -> None:
    assert role(server, seen, me) == expected


def ask(port: int, path: str, context: ssl.SSLContext | None = None) -> int:
    """Return the status of an answer."""
    if context:
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            "localhost", port, timeout=5, context=context
        )
    else:
        connection = http.client.HTTPConnection("localhost", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_an_answer_is_good_until_the_agent_would_have_stopped_the_primary() -> None:
    now = 100.0
    answers = Answers(3.0, clock=lambda: now)
    server = answers.serve(("localhost", 0), None)
    port = server.server_address[1]
    try:
        assert [ask(port, path) for path in ("/primary", "/standby", "/else")] == [503, 503, 404]
        answers.note("primary", 100.0)
        assert [ask(port, path) for path in ("/primary", "/standby")] == [200, 503]
        answers.note("standby", 100.0)
        assert [ask(port, path) for path in ("/primary", "/standby")] == [503, 200]
        now = 103.1
        assert ask(port, "/standby") == 503
    finally:
        server.shutdown()
        server.server_close()


def test_it_answers_by_the_hosts_certificate_while_another_client_says_nothing(tmp_path: Path) -> None:
    key, certificate = str(tmp_path / "key"), str(tmp_path / "crt")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    answers = Answers(3.0, clock=lambda: 100.0)
    answers.note("primary", 100.0)
    server = answers.serve(("localhost", 0), context)
    port = server.server_address[1]
    try:
        with socket.create_connection(("localhost", port)):
            assert ask(port, "/primary", ssl.create_default_context(cafile=certificate)) == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(port, "/primary", ssl.create_default_context())
    finally:
        server.shutdown()
        server.server_close()
