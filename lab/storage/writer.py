"""A program on a host that goes on writing to a file, and what it was told is on disk."""

from __future__ import annotations

import itertools
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAM = """
import os, sys, time
path, number = sys.argv[1], int(sys.argv[2])
print("process", os.getpid(), flush=True)
while True:
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            while True:
                number += 1
                os.write(file, b"%010d\\n" % number)
                os.fsync(file)
                print(number, time.time(), flush=True)
        finally:
            os.close(file)
    except OSError as error:
        print("#", error.errno, flush=True)
        time.sleep(0.1)  # between two attempts: a refusal comes at once
"""
"""Appends a number a time, and says it when fsync has returned. After an error it opens the file again and goes on."""
PROCESS = re.compile(r"^process (\d+)$", re.MULTILINE)
LINE = re.compile(r"^(\d+) (\d+\.\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Acknowledged:
    """A number that is on disk, and when that was said, in seconds since 1970."""

    number: int
    at: float


class Writer:
    """The program while it runs."""

    def __init__(self, host: str, path: str, log: Path, first: int) -> None:
        self._host, self._log = host, log
        with log.open("a", encoding="utf-8") as stream:
            command = ["podman", "exec", f"lab-{host}", "python3", "-c", PROGRAM, path, str(first)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)

    def acknowledged(self) -> list[Acknowledged]:
        """What was said so far, in its order."""
        text = self._log.read_text(encoding="utf-8")
        return [Acknowledged(int(found[1]), float(found[2])) for found in LINE.finditer(text)]

    def end(self) -> None:
        """End the program, if its host has not ended it."""
        found = PROCESS.search(self._log.read_text(encoding="utf-8"))
        if found and self._process.poll() is None:
            command = ["podman", "exec", f"lab-{self._host}", "kill", "-KILL", found[1]]
            subprocess.run(command, capture_output=True, check=False)
        self._process.kill()
        self._process.wait()


@contextmanager
def writing(host: str, path: str, log: Path, first: int = 0) -> Iterator[Writer]:
    """Have a program write numbers above ``first`` to a file of a host while the body runs."""
    writer = Writer(host, path, log, first)
    try:
        yield writer
    finally:
        writer.end()


def longest_pause(acknowledged: list[Acknowledged], until: float) -> float:
    """The longest time without a further number, in seconds; ``until`` is when the writer was last looked at."""
    times = [one.at for one in acknowledged] + [until]
    return max((later - earlier for earlier, later in itertools.pairwise(times)), default=0.0)


def lost(acknowledged: list[Acknowledged], text: str) -> list[int]:
    """The acknowledged numbers that a file does not have.

    Zeros may stand where the write was that nobody had acknowledged yet when the client was killed: its length had come
    to the metadata server, and its data to nobody. What was appended afterwards follows them in the same line.
    """
    lines = (line.strip("\0") for line in text.split())
    return sorted({one.number for one in acknowledged} - {int(line) for line in lines if line.isdigit()})
