"""What becomes of connections that are established when policies change, judged by packets."""

from __future__ import annotations

import socket

import pytest
from enforcement import Enforce
from fabric import PODS, Fabric
from samples import app


@pytest.mark.parametrize(("client", "server"), [("a2", "a1"), ("b1", "a1"), ("a1", "b1")])
def test_a_new_policy_cuts_an_established_connection(
    fabric: Fabric, enforce: Enforce, client: str, server: str
) -> None:
    with fabric.serving(server, 80), fabric.open(client) as connection:
        connection.connect((PODS[server], 80))
        assert connection.recv(5) == b"hello"
        connection.sendall(b"one")
        assert connection.recv(3) == b"one"
        enforce({"podSelector": app("a1"), "policyTypes": ["Ingress", "Egress"]})
        connection.sendall(b"two")
        with pytest.raises(TimeoutError):
            connection.recv(3)
        enforce()
        connection.settimeout(5)
        assert connection.recv(3) == b"two", "once allowed again, TCP repairs the loss"


def test_answers_that_keep_flowing_are_cut_too(fabric: Fabric, enforce: Enforce) -> None:
    with fabric.open("b1", socket.SOCK_DGRAM) as client, fabric.open("a1", socket.SOCK_DGRAM) as server:
        server.bind(("", 4000))
        client.sendto(b"start", (PODS["a1"], 4000))
        _data, peer = server.recvfrom(16)
        server.sendto(b"1", peer)
        assert client.recvfrom(16)[0] == b"1"
        enforce({"podSelector": app("a1"), "policyTypes": ["Ingress"]})
        server.sendto(b"2", peer)
        with pytest.raises(TimeoutError):
            client.recvfrom(16)


def test_a_connection_that_is_still_allowed_outlives_changes(fabric: Fabric, enforce: Enforce) -> None:
    allowed = {"podSelector": app("a1"), "ingress": [{"from": [{"podSelector": app("b1")}], "ports": [{"port": 80}]}]}
    with fabric.serving("a1", 80), fabric.open("b1") as connection:
        connection.connect((PODS["a1"], 80))
        assert connection.recv(5) == b"hello"
        for text in (b"one", b"two"):
            enforce(allowed, {"podSelector": {}, "policyTypes": ["Ingress"]})
            connection.sendall(text)
            assert connection.recv(3) == text
