"""The faults: each does something to a cluster whose primary is known, and can be taken back."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from lab.chaos.cluster import DATA, WAL, Cluster
from lab.machine import podman

RULES = """
table inet chaos {{
  chain incoming {{
    type filter hook input priority -300
    iifname "lo" accept
    {incoming}
  }}
  chain outgoing {{
    type filter hook output priority -300
    oifname "lo" accept
    {outgoing}
  }}
}}
"""
Step = Callable[[Cluster, str], None]


@dataclass(frozen=True)
class Fault:
    """What is done to the primary and taken back.

    ``stops`` says that the primary has to stop itself, ``serves`` that others have to serve while the fault lasts.
    """

    begin: Step
    end: Step
    goal: float
    stops: bool = False
    serves: bool = True


def nothing(_cluster: Cluster, _primary: str) -> None:
    """Take nothing back: the agents do."""


def kill_postmaster(cluster: Cluster, primary: str) -> None:
    """Kill the server's first process."""
    cluster.run(primary, "sh", "-c", f"kill -9 $(head -1 {DATA}/main/postmaster.pid)")


def kill_host(_cluster: Cluster, primary: str) -> None:
    """Take a host's power away."""
    podman.podman("kill", f"lab-{primary}")


def start_host(cluster: Cluster, primary: str) -> None:
    """Give it back."""
    cluster.start(primary)


def cut(incoming: str, outgoing: str) -> Step:
    """Cut the network of a host, in the directions that say ``drop``."""

    def begin(_cluster: Cluster, primary: str) -> None:
        rules = RULES.format(incoming=incoming, outgoing=outgoing)
        in_guest(primary, "nft", "-f", "-", stdin=rules)

    return begin


def mend(_cluster: Cluster, primary: str) -> None:
    """Mend the network of a host."""
    in_guest(primary, "nft", "delete", "table", "inet", "chaos")


def in_guest(host: str, *command: str, stdin: str = "") -> None:
    """Run a command of the machine in the network of a guest."""
    process = podman.process_id(f"lab-{host}")
    subprocess.run(["nsenter", f"--net=/proc/{process}/ns/net", *command], input=stdin, text=True, check=True)


def freeze(_cluster: Cluster, primary: str) -> None:
    """Let all processes of a host stand still."""
    podman.freeze([f"lab-{primary}"])


def thaw(_cluster: Cluster, primary: str) -> None:
    """Let them go on."""
    podman.podman("unpause", f"lab-{primary}", check=False)


def signal_server(number: signal.Signals) -> Step:
    """Send a signal to all processes of the server."""

    def send(cluster: Cluster, primary: str) -> None:
        for process in cluster.processes(primary):
            try:
                os.kill(process, number)
            except ProcessLookupError:
                continue

    return send


def fill(folder: str) -> Step:
    """Fill the file system of a folder to the last byte."""

    def begin(cluster: Cluster, primary: str) -> None:
        cluster.run(primary, "dd", "if=/dev/zero", f"of={folder}/filler", "bs=1M", check=False)

    return begin


def make_room(folder: str) -> Step:
    """Take away what fills it."""

    def end(cluster: Cluster, primary: str) -> None:
        cluster.run(primary, "rm", "-f", f"{folder}/filler")

    return end


def kill_agent(cluster: Cluster, primary: str) -> None:
    """Kill the failover agent, which its supervisor starts again."""
    cluster.run(primary, "systemctl", "kill", "--signal=KILL", "postgresql-failover.service")


def standby_of(cluster: Cluster, primary: str) -> str:
    """The first host that is not the primary."""
    return next(host for host in cluster.hosts if host != primary)


def kill_standby(cluster: Cluster, primary: str) -> None:
    """Take a standby's power away."""
    kill_host(cluster, standby_of(cluster, primary))


def start_standby(cluster: Cluster, primary: str) -> None:
    """Give it back."""
    start_host(cluster, standby_of(cluster, primary))


def kill_both(cluster: Cluster, primary: str) -> None:
    """Take a standby's power away and then the primary's."""
    kill_standby(cluster, primary)
    kill_host(cluster, primary)


def start_both(cluster: Cluster, primary: str) -> None:
    """Give both back."""
    start_host(cluster, primary)
    start_standby(cluster, primary)


KINDS = {
    "process": Fault(kill_postmaster, nothing, goal=10),
    "host": Fault(kill_host, start_host, goal=10),
    "network": Fault(cut("drop", "drop"), mend, goal=15, stops=True),
    "network-inbound": Fault(cut("drop", ""), mend, goal=15, stops=True),
    "network-outbound": Fault(cut("", "drop"), mend, goal=15, stops=True),
    "frozen-host": Fault(freeze, thaw, goal=15),
    "frozen-server": Fault(signal_server(signal.SIGSTOP), signal_server(signal.SIGCONT), goal=15),
    "data-full": Fault(fill(DATA), make_room(DATA), goal=15),
    "wal-full": Fault(fill(WAL), make_room(WAL), goal=15),
    "agent": Fault(kill_agent, nothing, goal=10),
    "standby": Fault(kill_standby, start_standby, goal=10),
    "standby-and-primary": Fault(kill_both, start_both, goal=60, serves=False),
}
"""Every kind, with its goal: seconds from the last commit before to the first one after."""
