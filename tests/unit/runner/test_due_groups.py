"""A run takes the rotation groups about something that changed since they passed, and one more in turn."""

from pathlib import Path

import pytest

from tests import records
from tests.platform import subjects
from tests.records import Group

GROUPS = {
    "etcd": Group({"roles/kubernetes"}, {"test_etcd"}),
    "cloud": Group({"roles/openstack", "plugins/"}, {"test_cloud"}),
    "gpu": Group({"roles/nvidia"}, {"test_gpu[a|b]"}),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(records, "RECORDS", tmp_path)
    return tmp_path


def record(folder: Path, commit: str, *tests: str, outcome: str = "passed") -> None:
    (folder / f"2026-01-01-{commit}.md").write_text(
        records.HEAD + "".join(f"| {test} | {outcome} | 1.0 |\n" for test in tests), encoding="utf-8"
    )


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Files that changed since each commit, nearest commit last; "" stands for no commit."""
    changed: dict[str, list[str]] = {"": ["roles/kubernetes_x", "roles/openstack_x", "roles/nvidia_x"]}

    def git(*words: str) -> str:
        if words[0] == "rev-list":
            commits = list(reversed(changed))
            commit = words[-1].removesuffix("..HEAD")
            return f"{commits.index(commit) + 1}\n" if commit in changed else ""
        return "\n".join(changed[words[-1] if words[0] == "diff" else ""])

    monkeypatch.setattr(records, "git", git)
    return changed


def test_without_a_record_everything_runs(history: dict[str, list[str]]) -> None:
    assert records.due(GROUPS, "abc") == set(GROUPS)


def test_a_group_counts_from_the_last_record_in_which_all_of_its_tests_passed(
    folder: Path, history: dict[str, list[str]]
) -> None:
    history |= {"aaa": ["roles/kubernetes_x", "roles/nvidia_y"], "bbb": ["roles/nvidia_y"]}
    record(folder, "aaa", "test_etcd", "test_cloud", "test_gpu[a|b]")
    assert records.due(GROUPS, "abc") == {"etcd", "gpu", "cloud"}, "cloud's turn, being the only one left"
    record(folder, "bbb", "test_etcd", "a test of no group")
    assert "gpu" in records.due(GROUPS, "abc") and len(records.due(GROUPS, "abc")) == 2
    record(folder, "bbb", "test_etcd", outcome="failed")
    assert records.last_passed({"test_etcd"}) == "aaa"


def test_without_changes_the_commit_chooses_one(folder: Path, history: dict[str, list[str]]) -> None:
    history["aaa"] = []
    record(folder, "aaa", "test_etcd", "test_cloud", "test_gpu[a|b]")
    turns = [records.due(GROUPS, str(commit)) for commit in range(20)]
    assert all(len(turn) == 1 for turn in turns)
    assert set.union(*turns) == set(GROUPS)


def test_a_commit_that_this_clone_has_not_got_says_nothing(folder: Path, history: dict[str, list[str]]) -> None:
    record(folder, "fff", "test_etcd")
    assert records.last_passed({"test_etcd"}) == ""


def test_without_a_commit_every_file_counts_as_changed() -> None:
    assert {"Makefile", "roles/flannel/vars/main.yml"} <= set(records.changed_files(""))


def test_runs_of_one_commit_share_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "git", lambda *words: "abc1234\n")
    path = records.write([("test_a", "failed", 1.0), ("test_b", "passed", 2.0)])
    assert records.write([("test_a", "passed", 3.04)]) == path
    assert list(records.rows(path).values()) == ["| test_a | passed | 3.0 |", "| test_b | passed | 2.0 |"]


def test_a_record_of_a_changed_tree_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = records.git
    described = real("rev-parse", "--short", "HEAD").strip() + "-changed"
    monkeypatch.setattr(records, "git", lambda *words: described if words[0] == "describe" else real(*words))
    records.write([("test_a", "passed", 1.0)])
    assert records.last_passed({"test_a"}) == ""


@pytest.mark.parametrize("paths", [subjects.HOST, subjects.OVERLAY, subjects.GPU, subjects.DATABASE])
def test_a_group_is_about_files_that_there_are(paths: tuple[str, ...]) -> None:
    files = records.changed_files("")
    assert [path for path in paths if not any(file.startswith(path) for file in files)] == []
