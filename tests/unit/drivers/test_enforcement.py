"""Security groups and anti-spoofing hold by packets, in namespaces of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from lab.drivers.network import flows, rules
from lab.drivers.network.rules import Opening, Policy

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

PREFIX = f"lt{os.getpid() % 100000}"
MAC, OWN = "fa:16:3e:00:00:05", "10.99.0.5"
FRIEND, STRANGER = "10.99.0.6", "10.99.0.7"
EGRESS = Opening("egress", 4)
PING = Opening("ingress", 4, 1)
ANSWER = """
import socket, sys
server = socket.create_server(("", int(sys.argv[1])))
print("ready", flush=True)
while True:
    link, _ = server.accept()
    while (data := link.recv(100)):
        link.sendall(data)
"""
CALL = """
import socket, sys
link = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1)
for line in sys.stdin:
    link.sendall(line.encode())
    print(link.recv(100).decode().strip(), flush=True)
"""
ECHO = """
import os, socket, struct, sys
target, source = sys.argv[1], sys.argv[2:]
request = struct.pack("!BBHHH", 8, 0, 0, os.getpid() & 0xFFFF, 1)
total = sum(struct.unpack("!4H", request))
request = request[:2] + struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF) + request[4:]
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
raw.settimeout(1)
if source:
    raw.bind((source[0], 0))
raw.sendto(request, (target, 0))
while True:
    answer, (address, _) = raw.recvfrom(100)
    if address == target and answer[20] == 0 and answer[24:26] == request[4:6]:
        break
"""


def inside(name: str, *command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in one of the test's namespaces."""
    full = ["ip", "netns", "exec", f"{PREFIX}{name}", *command]
    return subprocess.run(full, input=stdin, capture_output=True, text=True, check=False, timeout=30)


def reaches(name: str, address: str, port: int) -> bool:
    """Whether a connection can be opened and is answered."""
    return inside(name, sys.executable, "-c", CALL, address, str(port), stdin="x\n").stdout == "x\n"


def pings(name: str, address: str, *source: str) -> bool:
    """Whether an echo comes back, to a source address if one is given."""
    return inside(name, sys.executable, "-c", ECHO, address, *source).returncode == 0


def enforce(policy: Policy) -> None:
    """Apply a policy to the guest as the agent does."""
    done = inside("guest", "nft", "-f", "-", stdin=rules.compile_policy(policy, "eth0"))
    assert done.returncode == 0, done.stderr
    for flow in flows.condemned(policy, inside("guest", "conntrack", "--dump").stdout):
        assert inside("guest", *flow.deletion).returncode == 0


def policy(*openings: Opening) -> Policy:
    """The guest's policy with these openings."""
    return Policy(MAC, (OWN,), openings=openings)


@pytest.fixture(name="hosts", autouse=True)
def _hosts(host_packages: None) -> Iterator[None]:
    """A guest, a friend and a stranger on one bridge; guest and friend answer on ports 80 and 81."""
    members = {"guest": OWN, "friend": FRIEND, "stranger": STRANGER}
    servers = []
    try:
        _command(f"ip netns add {PREFIX}bridge")
        _command(f"ip -n {PREFIX}bridge link add br0 type bridge forward_delay 0")
        _command(f"ip -n {PREFIX}bridge link set br0 up")
        for name, address in members.items():
            mac = f"address {MAC}" if name == "guest" else ""
            _command(f"ip netns add {PREFIX}{name}")
            peer = f"peer name eth0 {mac} netns {PREFIX}{name}"
            _command(f"ip -n {PREFIX}bridge link add {name} type veth {peer}")
            _command(f"ip -n {PREFIX}bridge link set {name} master br0 up")
            _command(f"ip -n {PREFIX}{name} address add {address}/24 dev eth0")
            _command(f"ip -n {PREFIX}{name} link set eth0 up")
            _command(f"ip -n {PREFIX}{name} link set lo up")
        for name in ("guest", "friend"):
            for port in ("80", "81"):
                command = ["ip", "netns", "exec", f"{PREFIX}{name}", sys.executable, "-c", ANSWER, port]
                servers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        for server in servers:
            assert server.stdout is not None
            server.stdout.readline()
        yield
    finally:
        for server in servers:
            server.kill()
            server.communicate()
        for name in ("bridge", *members):
            subprocess.run(["ip", "netns", "delete", f"{PREFIX}{name}"], check=False, capture_output=True)


def _command(text: str) -> None:
    subprocess.run(text.split(), check=True)


def test_a_closed_port_admits_nobody_and_lets_nothing_out() -> None:
    enforce(policy())
    assert not reaches("stranger", OWN, 80)
    assert not pings("stranger", OWN)
    assert not reaches("guest", FRIEND, 80)


def test_answers_come_back_without_a_rule_of_their_own() -> None:
    enforce(policy(EGRESS))
    assert reaches("guest", FRIEND, 80)
    assert pings("guest", FRIEND)
    assert not reaches("friend", OWN, 80)


def test_a_rule_opens_one_port_to_one_remote() -> None:
    enforce(policy(Opening("ingress", 4, 6, 80, 80, (FRIEND,))))
    assert reaches("friend", OWN, 80)
    assert not reaches("friend", OWN, 81)
    assert not reaches("stranger", OWN, 80)


def test_icmp_can_be_opened_alone() -> None:
    enforce(policy(PING))
    assert pings("stranger", OWN)
    assert not reaches("stranger", OWN, 80)


def test_egress_can_be_limited_to_a_port() -> None:
    enforce(policy(Opening("egress", 4, 6, 81, 81)))
    assert reaches("guest", FRIEND, 81)
    assert not reaches("guest", FRIEND, 80)


def test_removing_a_rule_ends_the_connection_that_it_admitted_and_no_other() -> None:
    ssh, web = Opening("ingress", 4, 6, 80, 80), Opening("ingress", 4, 6, 81, 81)
    enforce(policy(ssh, web))
    with _conversation("80") as first, _conversation("81") as second:
        assert (_say(first), _say(second)) == ("x", "x")
        enforce(policy(web))
        assert _say(second) == "x"
        assert _say(first) == ""


def test_the_guest_may_not_use_an_address_that_is_not_its_own() -> None:
    enforce(policy(EGRESS, PING))
    assert pings("guest", FRIEND)
    inside("guest", "ip", "address", "add", "10.99.0.66/24", "dev", "eth0")
    assert not pings("guest", FRIEND, "10.99.0.66")
    assert pings("guest", FRIEND)


def test_the_guest_may_not_answer_for_another_address() -> None:
    enforce(policy(EGRESS, PING))
    inside("guest", "ip", "address", "add", "10.99.0.66/24", "dev", "eth0")
    assert not pings("stranger", "10.99.0.66")
    assert "lladdr" not in inside("stranger", "ip", "neighbour", "show", "10.99.0.66").stdout


def test_the_guest_may_not_use_another_hardware_address() -> None:
    enforce(policy(EGRESS, PING))
    inside("guest", "ip", "link", "set", "eth0", "address", "fa:16:3e:00:00:99")
    assert not pings("guest", FRIEND)


def test_an_allowed_address_pair_may_be_used() -> None:
    enforce(Policy(MAC, (OWN,), (("10.99.0.66", MAC),), (EGRESS, PING)))
    inside("guest", "ip", "address", "add", "10.99.0.66/24", "dev", "eth0")
    assert pings("stranger", "10.99.0.66")


def test_the_guests_own_translations_work_behind_the_rules() -> None:
    table = """
    table ip own {
        chain before { type nat hook prerouting priority dstnat; tcp dport 8080 dnat to 10.99.0.5:80; }
        chain after { type nat hook postrouting priority srcnat; ip saddr 10.244.0.1 snat to 10.99.0.5; }
    }
    """
    assert inside("guest", "nft", "-f", "-", stdin=table).returncode == 0
    inside("guest", "ip", "address", "add", "10.244.0.1/32", "dev", "lo")
    enforce(policy(EGRESS, Opening("ingress", 4, 6, 8080, 8080)))
    assert reaches("friend", OWN, 8080)
    assert not reaches("friend", OWN, 80)
    assert pings("guest", FRIEND, "10.244.0.1")


def test_a_changed_policy_leaves_the_guests_own_tables_alone() -> None:
    inside("guest", "nft", "add", "table", "ip", "own")
    enforce(policy(EGRESS))
    enforce(policy())
    assert "table ip own" in inside("guest", "nft", "list", "tables").stdout


def _conversation(port: str) -> subprocess.Popen[str]:
    command = ["ip", "netns", "exec", f"{PREFIX}friend", sys.executable, "-c", CALL, OWN, port]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
    )


def _say(caller: subprocess.Popen[str]) -> str:
    assert caller.stdin is not None
    assert caller.stdout is not None
    caller.stdin.write("x\n")
    started = time.monotonic()
    while time.monotonic() - started < 5:
        return caller.stdout.readline().strip()
    return ""
