"""What fio does in a folder, and what is read from its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MIB = 1024 * 1024
FILE = "file"
"""Name of the file that is written and read again."""


@dataclass(frozen=True)
class Job:
    """One kind of work: fio's options, and which of its numbers counts.

    ``direction`` is ``read`` or ``write``; ``number`` is ``bw_bytes`` (bytes a second) or ``iops``. ``anew`` says that
    what the client and its kernel remember of the folder is to be dropped before.
    """

    name: str
    compares: str
    unit: str
    direction: str
    number: str
    options: Mapping[str, object]
    anew: bool = False


def jobs(size_mib: int, seconds: int) -> tuple[Job, ...]:
    """Return the jobs in their order; the first makes the file that later ones read."""
    timed = {"time_based": 1, "runtime": seconds}
    file = {"filename": FILE, "size": f"{size_mib}m"}
    return (
        Job(
            "sequential_write",
            f"{size_mib} MiB in blocks of 1 MiB, and fsync",
            "MiB/s",
            "write",
            "bw_bytes",
            {"rw": "write", "bs": "1m", "end_fsync": 1, **file},
        ),
        Job(
            "sequential_read",
            "the same file in blocks of 1 MiB, with nothing of it remembered by the client",
            "MiB/s",
            "read",
            "bw_bytes",
            {"rw": "read", "bs": "1m", "invalidate": 1, **file},
            anew=True,
        ),
        Job(
            "random_reads",
            "blocks of 4 KiB of that file, with nothing of it remembered by the client at the start",
            "reads/s",
            "read",
            "iops",
            {"rw": "randread", "bs": "4k", "invalidate": 1, **timed, **file},
            anew=True,
        ),
        Job(
            "fsynced_writes",
            "blocks of 4 KiB appended to a file, each followed by fsync",
            "writes/s",
            "write",
            "iops",
            {"rw": "write", "bs": "4k", "fsync": 1, "filename": "log", "size": "16m", **timed},
        ),
        Job(
            "file_creates",
            "empty files in one folder",
            "files/s",
            "write",
            "iops",
            {
                "ioengine": "filecreate",
                "rw": "write",
                "fallocate": "none",
                "nrfiles": 1000,
                "bs": "4k",
                "size": "4000k",
            },
        ),
    )


def command(job: Job, folder: str) -> list[str]:
    """Return fio's command line for a job in a folder."""
    options = {"ioengine": "psync", **job.options}
    words = [f"--{name}={value}" for name, value in options.items()]
    return ["fio", f"--name={job.name}", f"--directory={folder}", "--output-format=json", "--thread", *words]


def value(job: Job, answer: Mapping[str, Any]) -> float:
    """Return the job's number from fio's JSON, in the job's unit. Raises ValueError where fio met an error."""
    (found,) = answer["jobs"]
    if found["error"]:
        raise ValueError(f"{job.name}: fio ended with error {found['error']}")
    number = float(found[job.direction][job.number])
    return number / MIB if job.number == "bw_bytes" else number
