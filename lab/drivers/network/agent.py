"""The network agent: makes the fabric and every running guest as ``desired.json`` says, and keeps them so.

It holds no state that matters: after kill -9 a new one compares and repairs. It polls two cheap things, the document
and the list of running guests, a few times a second, and looks for tampering every few seconds.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from lab import settings
from lab.drivers.network import desired, fabric, ports, router
from lab.machine import guest as guests

READY = settings.RUN / "network-agent.ready"
INTERVAL = 0.2
TAMPER_INTERVAL = 5.0
LOG = logging.getLogger("network-agent")


class Agent:
    """Remembers what it applied, only to save work."""

    def __init__(self) -> None:
        self._fabric: str | None = None
        self._ports: dict[str, tuple[int, str]] = {}
        self._looked = 0.0
        self._seen: object = None

    def step(self) -> None:
        """Compare once and repair what differs; cheap when neither the document nor the set of guests changed."""
        look = time.monotonic() - self._looked > TAMPER_INTERVAL
        seen = _modified(desired.FILE), [_modified(file) for file in sorted(guests.GUESTS.glob("*/process"))]
        if seen == self._seen and not look:
            return
        if look:
            self._looked = time.monotonic()
        self._repair(look)
        self._seen = seen

    def _repair(self, look: bool) -> None:
        wanted = desired.read() or desired.Desired()
        compiled = router.compile_fabric(wanted)
        if repr(compiled) != self._fabric or (look and not fabric.is_so(compiled)):
            fabric.apply(compiled)
            self._fabric = repr(compiled)
        alive = set()
        for guest, process in ports.running():
            for nic in guest.nics:
                if nic.port:
                    alive.add(nic.tap)
                    self._port(wanted, nic, process, look)
        self._ports = {tap: applied for tap, applied in self._ports.items() if tap in alive}

    def _port(self, wanted: desired.Desired, nic: guests.Nic, process: int, look: bool) -> None:
        now = (process, ports.script(wanted, nic))
        try:
            if self._ports.get(nic.tap) == now and not (look and not ports.enforced(nic, process)):
                return
            ended = ports.refresh(wanted, nic, process)
        except RuntimeError as problem:
            # The guest may be going just now; if it is not, the next step tries again.
            LOG.warning("%s: %s", nic.tap, problem)
            self._ports.pop(nic.tap, None)
            self._looked = 0.0
            return
        LOG.info("%s: rules applied, %d connections ended", nic.tap, ended)
        self._ports[nic.tap] = now


def _modified(file: Path) -> tuple[str, int] | None:
    try:
        return str(file), file.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def main() -> int:
    """Run until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    READY.parent.mkdir(parents=True, exist_ok=True)
    READY.unlink(missing_ok=True)
    agent = Agent()
    while not stop.is_set():
        try:
            agent.step()
            READY.touch()
        except Exception:
            LOG.exception("step failed; trying again")
            stop.wait(1)
        stop.wait(INTERVAL)
    READY.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
