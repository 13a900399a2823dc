"""A run takes the rotation groups whose code changed, and one more in turn."""

from tests.conftest import chosen_groups

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
