"""The agent notices what others do to its rules, in a real kernel's namespace, without listing them each time."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest
from network_policy_agent.generation import read

SERVICES = Path(__file__).parents[3] / "services"
PROGRAM = """
import subprocess
from network_policy_agent import netfilter
from network_policy_agent.compiler import compile_node
from network_policy_agent.generation import generation
from network_policy_agent.render import Options, TABLE, render

listings = []
class Counted(netfilter.Netfilter):
    def _listing(self):
        listings.append(1)
        return super()._listing()

kernel, first = Counted(), generation()
kernel.apply(render((), Options()))
assert generation() == first + 1
assert kernel.intact() and kernel.intact() and len(listings) == 1, "nothing happened: nothing is listed"
subprocess.run(["nft", "add", "table", "inet", "anothers"], check=True)
assert kernel.intact() and kernel.intact() and len(listings) == 2, "another's table: listed once"
subprocess.run(["nft", "flush", "table", "inet", TABLE], check=True)
assert not kernel.intact() and not kernel.intact(), "flushed"
kernel.apply(render((), Options()))
assert kernel.intact()
subprocess.run(["nft", "flush", "ruleset"], check=True)
assert not kernel.intact(), "all of it is gone"
netfilter.generation = lambda: None
kernel.apply(render((), Options()))
before = len(listings)
assert kernel.intact() and kernel.intact() and len(listings) == before + 2, "a kernel that says nothing: always listed"
"""


def test_only_rules_of_another_generation_are_listed_and_compared(host_packages: None) -> None:
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", PROGRAM],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(SERVICES)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def answer(kind: int, *attributes: bytes) -> bytes:
    body = bytes(4) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


GENERATION = struct.pack("=HH", 8, 1) + (7).to_bytes(4, "big")
NAME = struct.pack("=HH", 8, 3) + b"nft\0"


@pytest.mark.parametrize(
    ("message", "number"),
    [
        (answer(10 << 8 | 15, NAME, GENERATION), 7),
        (answer(10 << 8 | 15, NAME), None),
        (answer(10 << 8 | 15, struct.pack("=HH", 0, 3)), None),
        (answer(2, GENERATION), None),
        (b"", None),
    ],
)
def test_an_answer_without_the_number_is_none(message: bytes, number: int | None) -> None:
    assert read(message) == number
