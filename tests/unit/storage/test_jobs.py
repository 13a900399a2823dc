"""fio's command lines, and the numbers that are read from its answers."""

from __future__ import annotations

import pytest

from lab.storage.__main__ import document
from lab.storage.jobs import command, jobs, value

JOBS = {job.name: job for job in jobs(256, 10)}


def test_later_jobs_read_the_file_that_the_first_writes() -> None:
    words = {name: command(job, "/x") for name, job in JOBS.items()}
    assert [name for name in words if "--filename=file" in words[name]] == [
        "sequential_write", "sequential_read", "random_reads",
    ]  # fmt: skip
    assert all("--size=256m" in words[name] for name in ("sequential_write", "sequential_read", "random_reads"))
    assert all("--directory=/x" in words[name] for name in words)
    assert command(JOBS["file_creates"], "/x").count("--ioengine=filecreate") == 1


def test_bytes_become_mebibytes_and_errors_are_raised() -> None:
    answer = {"jobs": [{"error": 0, "write": {"bw_bytes": 3 * 1024 * 1024, "iops": 7.5}}]}
    assert value(JOBS["sequential_write"], answer) == 3
    assert value(JOBS["fsynced_writes"], answer) == 7.5
    with pytest.raises(ValueError, match="error 28"):
        value(JOBS["fsynced_writes"], {"jobs": [{**answer["jobs"][0], "error": 28}]})


def test_figures_are_medians_with_every_run() -> None:
    job = JOBS["random_reads"]
    rounds = [{"shared": {job.name: shared}, "local": {job.name: 100.0}} for shared in (40.0, 60.0, 50.0)]
    (figure,) = document((job,), rounds, {"date": "2026-01-01"}).values()
    assert (figure["shared"], figure["local"], figure["ratio"], figure["unit"]) == (50.0, 100.0, 0.5, "reads/s")
    assert figure["runs"]["shared"] == [40.0, 60.0, 50.0]
    assert figure["spread"] == {"shared": 0.4, "local": 0.0}
