"""What the chaos rounds conclude from who acknowledged what and when."""

from __future__ import annotations

import json
from pathlib import Path

from lab.chaos.records import Acknowledged, of_beside, of_client, outage, overlaps, summary


def commit(number: int, at: float, timeline: int = 1, server: str = "a") -> Acknowledged:
    return Acknowledged(number, server, timeline, at)


def test_an_older_primary_that_acknowledges_after_a_newer_one_overlaps() -> None:
    commits = [commit(1, 1.0), commit(2, 2.0, 2, "b"), commit(3, 2.5), commit(4, 3.0, 2, "b")]
    assert overlaps(commits) == [commit(3, 2.5)]
    assert overlaps([one for one in commits if one.number != 3]) == []


def test_the_outage_is_from_the_last_commit_before_to_the_next_or_the_longest_gap_after() -> None:
    assert outage([commit(1, 9.0), commit(2, 9.5), commit(3, 14.0)], 10.0) == 4.5
    assert outage([commit(1, 9.5), commit(2, 10.5), commit(3, 16.5), commit(4, 17.0)], 10.0) == 6.0
    assert outage([commit(1, 9.0)], 10.0) is None


def test_records_that_were_cut_short_are_read_up_to_there(tmp_path: Path) -> None:
    line = json.dumps([5, "192.0.2.1", 2, "0/30", 1.0, 1.5])
    (tmp_path / "client").write_text(f"{line}\n[6, ", encoding="utf-8")
    assert of_client(tmp_path / "client") == [Acknowledged(5, "192.0.2.1", 2, 1.5)]
    assert of_client(tmp_path / "none") == []
    assert of_beside("db-1 7 1 3.5\ndb-1 8 1 3.") == [Acknowledged(7, "db-1", 1, 3.5)]


def test_a_kinds_rounds_are_summed_up() -> None:
    rounds: list[dict[str, float | int | None]] = [
        {"lost": 0, "overlaps": 0, "outage_s": 4.0, "t1_s": 3.1, "t2_s": 7.0},
        {"lost": 2, "overlaps": 1, "outage_s": 6.0, "t1_s": 3.4, "t2_s": 6.5},
    ]
    assert summary(rounds) == {
        "rounds": 2, "lost": 2, "overlaps": 1, "outage_s": {"median": 6.0, "p95": 6.0, "max": 6.0}, "t1_s": 3.4,
        "t2_s": 6.5,
    }  # fmt: skip
    assert summary([])["outage_s"] is None
