"""A run takes the rotation groups whose code changed, and one more in turn."""

from pathlib import Path

import pytest

from tests import conftest
from tests.conftest import chosen_groups, last_record

MARKS = {"etcd": {"roles/kubernetes"}, "cloud": {"roles/openstack", "plugins/"}, "gpu": {"roles/nvidia"}}


def test_a_group_with_a_changed_path_runs_and_one_more() -> None:
    chosen = chosen_groups(MARKS, ["plugins/modules/x.py"], "abc")
    assert "cloud" in chosen and len(chosen) == 2


def test_without_changes_the_commit_chooses_one() -> None:
    turns = [chosen_groups(MARKS, [], str(commit)) for commit in range(20)]
    assert all(len(turn) == 1 for turn in turns)
    assert set.union(*turns) == set(MARKS)


def test_when_everything_changed_everything_runs() -> None:
    assert chosen_groups(MARKS, ["plugins/a", "roles/nvidia_x", "roles/kubernetes_y"], "abc") == set(MARKS)


@pytest.mark.parametrize("other", ["failed", "error", "skipped"])
def test_the_latest_record_in_which_all_passed_counts(
    other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = {"2026-01-01-aaaaaaa": "passed", "2026-01-02-bbbbbbb": "passed", "2026-01-03-ccccccc": other}
    for name, outcome in records.items():
        (tmp_path / f"{name}.md").write_text(f"| a test | {outcome} | 1.0 |\n", encoding="utf-8")
    distances = {"aaaaaaa": "9\n", "bbbbbbb": "4\n", "ccccccc": "1\n", "fffffff": ""}
    monkeypatch.setattr(conftest, "RECORDS", tmp_path)
    monkeypatch.setattr(conftest, "git", lambda *words: distances[words[-1].partition(".")[0]])
    assert last_record() == "bbbbbbb"
    # A commit that this clone has not got says nothing.
    (tmp_path / "2026-01-04-fffffff.md").write_text("| a test | passed | 1.0 |\n", encoding="utf-8")
    assert last_record() == "bbbbbbb"


def test_without_a_record_every_file_counts_as_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "RECORDS", tmp_path)
    assert {"Makefile", "roles/flannel/vars/main.yml"} <= set(conftest.changed_files())
