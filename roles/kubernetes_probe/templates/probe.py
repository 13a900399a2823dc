"""Answer HTTP with what this pod's node can do: resolve a service's name, and reach the service."""

import http.server
import json
import os
import socket
import ssl
import sys
import time

NAME = f"kubernetes.default.svc.{sys.argv[1]}"
AUTHORITY = "/etc/cluster/ca.crt"


def look() -> dict[str, object]:
    """Return {"dns": [ok, detail], "service": [ok, detail]}; each detail is an address, a time or an error."""
    begin = time.monotonic()
    try:
        address = socket.getaddrinfo(NAME, 443, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
    except OSError as error:
        return {"dns": [False, f"{NAME}: {error}"], "service": [False, "its name does not resolve"]}
    names = [True, f"{NAME} is {address}, {1000 * (time.monotonic() - begin):.0f} ms"]
    try:
        context = ssl.create_default_context(cafile=AUTHORITY)
        with (
            socket.create_connection((address, 443), timeout=3) as plain,
            context.wrap_socket(plain, server_hostname=NAME) as secure,
        ):
            secure.sendall(f"GET /livez HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
            line = secure.recv(64).split(b"\r\n")[0].decode()
    except OSError as error:
        return {"dns": names, "service": [False, f"{address}: {error}"]}
    return {"dns": names, "service": [line.endswith(" 200 OK"), f"{address}: {line}"]}


class Answer(http.server.BaseHTTPRequestHandler):
    """One look for each request."""

    def do_GET(self) -> None:
        """Answer with the look; the kubelet's own question is answered without one."""
        body = json.dumps({} if self.path == "/healthz" else look()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Keep silent."""


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Answer).serve_forever()
