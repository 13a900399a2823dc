"""Nodes and pods out of network namespaces: a bridge cni0 per node, routes between nodes, one host outside.

Sockets are opened inside a namespace by a short switch of the calling thread and then used like any other.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CLONE_NEWNET = 0x40000000
PATIENCE_S = 0.25
PODS = {"a1": "10.244.1.11", "a2": "10.244.1.12", "b1": "10.244.2.11", "b2": "10.244.2.12"}
NODES = {"a": ("192.0.2.1", "10.244.1.1"), "b": ("192.0.2.2", "10.244.2.1")}
OUTSIDE = "192.0.2.9"
METADATA = "169.254.169.254"

_libc = ctypes.CDLL(None, use_errno=True)


class Fabric:
    """Everything is named after this process, so that runs beside each other do not meet."""

    def __init__(self) -> None:
        self._prefix = f"npa{os.getpid()}-"
        self._names = ["net", "out", *NODES, *PODS]

    def raise_all(self) -> None:
        """Build namespaces, links, addresses and routes."""
        for name in self._names:
            self._ip("netns", "add", self._ns(name))
        for name in self._names:
            self.run(name, "ip", "link", "set", "lo", "up")
        self.run("net", "ip", "link", "add", "wire", "type", "bridge")
        self.run("net", "ip", "link", "set", "wire", "up")
        for name, (address, gateway) in NODES.items():
            self._node(name, address, gateway)
        self._link("out", "eth0", "net", "out", "wire")
        self.run("out", "ip", "address", "add", f"{OUTSIDE}/24", "dev", "eth0")
        for name in ("a", "b", "out"):
            for other, (address, _gateway) in NODES.items():
                if other != name:
                    subnet = "10.244.1.0/24" if other == "a" else "10.244.2.0/24"
                    self.run(name, "ip", "route", "add", subnet, "via", address)
        for pod, address in PODS.items():
            self._pod(pod, address, pod[0], NODES[pod[0]][1])

    def remove(self) -> None:
        """Remove the namespaces; links and rules go with them."""
        for name in self._names:
            subprocess.run(["ip", "netns", "del", self._ns(name)], check=False, capture_output=True)

    def _node(self, name: str, address: str, gateway: str) -> None:
        self._link(name, "eth0", "net", name, "wire")
        self.run(name, "ip", "address", "add", f"{address}/24", "dev", "eth0")
        self.run(name, "ip", "link", "add", "cni0", "type", "bridge")
        self.run(name, "ip", "address", "add", f"{gateway}/24", "dev", "cni0")
        self.run(name, "ip", "link", "set", "cni0", "up")
        self.run(name, "ip", "address", "add", f"{METADATA}/32", "dev", "lo")
        self.run(name, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")

    def _pod(self, pod: str, address: str, node: str, gateway: str) -> None:
        self._link(pod, "eth0", node, f"veth{pod}", "cni0")
        self.run(pod, "ip", "address", "add", f"{address}/24", "dev", "eth0")
        self.run(pod, "ip", "route", "add", "default", "via", gateway)
        self.run(node, "bridge", "link", "set", "dev", f"veth{pod}", "hairpin", "on")

    def _link(self, inner: str, inner_name: str, outer: str, outer_name: str, bridge: str) -> None:
        outer_ns, inner_ns = self._ns(outer), self._ns(inner)
        peer = ("peer", "name", outer_name, "netns", outer_ns)
        self._ip("-n", inner_ns, "link", "add", inner_name, "type", "veth", *peer)
        self.run(inner, "ip", "link", "set", inner_name, "up")
        self.run(outer, "ip", "link", "set", "dev", outer_name, "master", bridge, "up")

    def _ns(self, name: str) -> str:
        return self._prefix + name

    def _ip(self, *arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    def run(self, name: str, *command: str, text: str | None = None) -> str:
        """Run a command in a namespace and return what it prints."""
        done = subprocess.run(
            ["ip", "netns", "exec", self._ns(name), *command], input=text, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise AssertionError(f"{command} in {name}: {done.stderr}")
        return done.stdout

    @contextlib.contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Let the calling thread be in a namespace."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(str(Path("/run/netns") / self._ns(name)), os.O_RDONLY)
        try:
            _setns(there)
            yield
        finally:
            _setns(own)
            os.close(own)
            os.close(there)

    def open(self, name: str, kind: int = socket.SOCK_STREAM, family: int = socket.AF_INET) -> socket.socket:
        """Open a socket in a namespace."""
        with self.inside(name):
            opened = socket.socket(family, kind)
        opened.settimeout(PATIENCE_S)
        return opened

    @contextlib.contextmanager
    def serving(self, name: str, port: int, kind: int = socket.SOCK_STREAM, host: str = "0.0.0.0") -> Iterator[None]:
        """Answer 'hello' to whoever comes."""
        listener = self.open(name, kind, socket.AF_INET6 if ":" in host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        if kind == socket.SOCK_STREAM:
            listener.listen(16)
        listener.settimeout(0.05)
        stopped = threading.Event()
        thread = threading.Thread(target=_serve, args=(listener, kind, stopped), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()
            listener.close()

    def connects(self, name: str, address: str, port: int) -> bool:
        """Tell whether a TCP connection is answered."""
        with self.open(name) as client:
            try:
                client.connect((address, port))
                return client.recv(5) == b"hello"
            except OSError:
                return False

    def refused(self, *attempts: tuple[str, str, int]) -> list[tuple[str, str, int]]:
        """Try all (client, address, port) at once and return those that are not answered."""
        with ThreadPoolExecutor(len(attempts)) as pool:
            answered = list(pool.map(lambda attempt: self.connects(*attempt), attempts))
        return [attempt for attempt, answer in zip(attempts, answered, strict=True) if not answer]

    def answers(self, name: str, address: str, port: int) -> bool:
        """Tell whether a datagram is answered."""
        with self.open(name, socket.SOCK_DGRAM) as client:
            try:
                client.sendto(b"hi", (address, port))
                return client.recvfrom(16)[0] == b"hello"
            except OSError:
                return False


def _serve(listener: socket.socket, kind: int, stopped: threading.Event) -> None:
    while not stopped.is_set():
        try:
            if kind == socket.SOCK_DGRAM:
                _data, peer = listener.recvfrom(64)
                listener.sendto(b"hello", peer)
            else:
                threading.Thread(target=_echo, args=(listener.accept()[0], stopped), daemon=True).start()
        except TimeoutError:
            continue


def _echo(connection: socket.socket, stopped: threading.Event) -> None:
    connection.settimeout(0.05)
    with connection, contextlib.suppress(ConnectionError):
        connection.sendall(b"hello")
        while not stopped.is_set():
            try:
                data = connection.recv(64)
            except TimeoutError:
                continue
            if not data:
                return
            connection.sendall(data)


def _setns(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
