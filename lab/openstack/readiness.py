"""Questions that tell at once whether a program serves."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from pathlib import Path

from lab import settings


def answers(port: int, path: str = "/", address: str = settings.FABRIC_ADDRESS) -> Callable[[], bool]:
    """Whether a web service there gives any answer that is not its own failure."""

    def ready() -> bool:
        connection = http.client.HTTPConnection(address, port, timeout=1)
        try:
            connection.request("GET", path)
            return connection.getresponse().status < 500
        except http.client.HTTPException:
            return False
        finally:
            connection.close()

    return ready


def listens_inside(port: int) -> Callable[[], bool]:
    """Whether something in the fabric listens on its loopback, read from the kernel's table (we are outside)."""
    wanted = f":{port:04X}"

    def ready() -> bool:
        for table in ("tcp", "tcp6"):
            for line in _fabric_sockets(table):
                fields = line.split()
                if len(fields) > 3 and fields[1].endswith(wanted) and fields[3] == "0A":
                    return True
        return False

    return ready


def _fabric_sockets(table: str) -> list[str]:
    pid = (settings.RUN / "supervisord.pid").read_text(encoding="utf-8").strip()
    return Path(f"/proc/{pid}/net/{table}").read_text(encoding="utf-8").splitlines()[1:]


def socket_answers(path: Path) -> Callable[[], bool]:
    """Whether a server greets on this local socket, as MariaDB does."""

    def ready() -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            return bool(connection.recv(5))

    return ready
