"""The endpoints that the kubelet and Prometheus ask: /healthz, /readyz and /metrics."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Metric:
    """One sample in Prometheus' text format; `kind` is counter or gauge."""

    name: str
    kind: str
    description: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def exposition(metrics: Iterable[Metric]) -> str:
    """Render metrics; samples of one name follow each other under one heading."""
    lines: list[str] = []
    seen: set[str] = set()
    for metric in sorted(metrics, key=lambda one: one.name):
        if metric.name not in seen:
            seen.add(metric.name)
            lines += [f"# HELP {metric.name} {metric.description}", f"# TYPE {metric.name} {metric.kind}"]
        labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in sorted(metric.labels.items()))
        lines.append(f"{metric.name}{{{labels}}} {metric.value:g}" if labels else f"{metric.name} {metric.value:.17g}")
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class HealthServer:
    """Serves the three endpoints; `alive` and `ready` return the reason of a no, or None."""

    def __init__(
        self,
        address: str,
        port: int,
        alive: Callable[[], str | None],
        ready: Callable[[], str | None],
        metrics: Callable[[], Iterable[Metric]],
    ) -> None:
        answers: dict[str, Callable[[], tuple[int, str]]] = {
            "/healthz": lambda: _verdict(alive()),
            "/readyz": lambda: _verdict(ready()),
            "/metrics": lambda: (200, exposition(metrics())),
        }
        self._server = _Server((address, port), _handler(answers))
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])

    def start(self) -> None:
        """Serve from a thread of its own."""
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing when a prober hangs up before it has its answer."""


def _verdict(reason: str | None) -> tuple[int, str]:
    return (200, "ok\n") if reason is None else (503, reason + "\n")


def _handler(answers: Mapping[str, Callable[[], tuple[int, str]]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            answer = answers.get(self.path.split("?", 1)[0])
            status, text = answer() if answer else (404, "not found\n")
            payload = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: probes come every few seconds."""

    return Handler
