"""One round: clients write, a fault happens and ends, and every acknowledged commit is looked for."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from lab import fabric, settings
from lab.chaos import records
from lab.chaos.cluster import ChaosError, Cluster
from lab.chaos.faults import Fault
from lab.machine.processes import wait_for

BESIDE, RECORD = "/usr/local/lib/chaos-beside.py", "/var/lib/chaos-beside.log"
WELL = 180.0
"""Seconds in which a cluster whose fault is over has to be well again by itself."""
SERVES = 60.0
"""Seconds in which the others have to serve."""
STOPS = 20.0
"""Seconds in which a primary without the others has to stop, and for which a cluster that cannot serve is watched."""


def one_round(cluster: Cluster, fault: Fault, folder: Path) -> dict[str, float | int | None]:
    """Let a fault happen under two writers; what was lost, who overlapped, how long nobody served.

    What a round leaves that fails is in the folder: the client's record and the hosts' journals. Raises ChaosError.
    """
    try:
        return _one_round(cluster, fault, folder)
    except ChaosError:
        cluster.journals(folder / "journals")
        raise


def _one_round(cluster: Cluster, fault: Fault, folder: Path) -> dict[str, float | int | None]:
    cluster.wait_until_well(WELL)
    primary = cluster.leader()
    record = folder / "client.jsonl"
    with Writers(cluster, primary, record) as writers:
        writers.wait_for_commits(50, 60)
        began = time.monotonic()
        server = cluster.processes(primary)
        fault.begin(cluster, primary)
        try:
            t1 = stopped(server, began) if fault.stops else None
            if fault.serves:
                writers.wait_for_commits(20, SERVES, since=time.monotonic())
            else:
                wait_for(lambda: False, STOPS, 1.0)
        finally:
            fault.end(cluster, primary)
        cluster.wait_until_well(WELL)
        writers.wait_for_commits(20, SERVES, since=time.monotonic())
    client, beside = records.of_client(record), writers.beside()
    first_later = [one.at for one in client if one.timeline > client[0].timeline]
    return {
        "lost": len(lost(cluster, client, beside)),
        "overlaps": len(records.overlaps([*client, *beside])),
        "outage_s": records.outage(client, began),
        "t1_s": t1,
        "t2_s": min(first_later) - began if fault.stops and first_later else None,
        "commits": len(client) + len(beside),
    }


def stopped(server: list[int], began: float) -> float | None:
    """Return the seconds after which the processes of a server were gone; None if some stayed."""

    def gone() -> bool:
        return not any(Path(f"/proc/{process}/exe").exists() for process in server)

    return time.monotonic() - began if wait_for(gone, STOPS, 0.02) else None


def lost(cluster: Cluster, client: list[records.Acknowledged], beside: list[records.Acknowledged]) -> set[object]:
    """Return the acknowledged commits that the cluster has not got."""
    leader = cluster.leader()
    rows = {int(row) for row in cluster.sql(leader, "SELECT n FROM client").split()}
    others = {tuple(row.split("|")) for row in cluster.sql(leader, "SELECT host, n FROM beside").split()}
    return {one.number for one in client if one.number not in rows} | {
        (one.server, one.number) for one in beside if (one.server, str(one.number)) not in others
    }


class Writers:
    """The client of the cluster, and one writer beside the primary that knows no other server."""

    def __init__(self, cluster: Cluster, primary: str, record: Path) -> None:
        self._cluster = cluster
        self._primary = primary
        self._record = record
        self._client: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Writers:
        cluster, host = self._cluster, self._primary
        text = Path(__file__).with_name("beside.py").read_text(encoding="utf-8")
        cluster.run(host, "sh", "-c", f"cat >{BESIDE} <<'END'\n{text}END\nrm -f {RECORD}")
        unit = ["systemd-run", "--unit=chaos-beside", "--collect", "--property=Restart=always"]
        cluster.run(host, *unit, "python3", BESIDE, host, RECORD)
        self._record.unlink(missing_ok=True)
        first = time.time_ns() // 1000  # a later round never begins at a number that an earlier one has reached
        command = [*fabric.INSIDE, sys.executable, "-m", "lab.chaos.writer", cluster.conninfo(), str(self._record)]
        self._client = subprocess.Popen([*command, str(first)], cwd=settings.REPOSITORY)
        return self

    def __exit__(self, *_failure: object) -> None:
        if self._client:
            self._client.kill()
            self._client.wait()
        self._cluster.run(self._primary, "systemctl", "stop", "chaos-beside.service", check=False)

    def wait_for_commits(self, number: int, seconds: float, since: float = 0.0) -> None:
        """Return when the client has so many commits, since a moment. Raises ChaosError."""
        if not wait_for(lambda: self._count(since) >= number, seconds, 0.2):
            raise ChaosError(f"after {seconds:.0f} s the client has {self._count(since)} commits of {number}")

    def beside(self) -> list[records.Acknowledged]:
        """What the server beside the other writer acknowledged to it."""
        return records.of_beside(self._cluster.run(self._primary, "cat", RECORD, check=False))

    def _count(self, since: float) -> int:
        return sum(one.at > since for one in records.of_client(self._record))
