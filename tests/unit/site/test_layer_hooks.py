"""Layers take part by conventional file names, in the order of their folders' numbers."""

from pathlib import Path

import pytest
from ansible.errors import AnsibleLookupError
from ansible_collections.ai_infn.platform.plugins.lookup.layer_hooks import find_hooks


def layer(folder: Path, name: str, hook: str) -> Path:
    path = folder / name / f"{hook}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_hooks_come_in_the_order_of_layers_across_folders(tmp_path: Path) -> None:
    late = layer(tmp_path / "own", "40-late", "status_site")
    early = layer(tmp_path / "own", "10-early", "status_site")
    middle = layer(tmp_path / "extra", "25-middle", "status_site")
    folders = [tmp_path / "own", tmp_path / "extra"]
    assert find_hooks("status_site", folders) == [str(early), str(middle), str(late)]
    assert find_hooks("status_site", folders, reverse=True) == [str(late), str(middle), str(early)]


def test_a_layer_without_the_hook_is_left_out(tmp_path: Path) -> None:
    layer(tmp_path, "10-a", "preflight")
    assert find_hooks("leave_check", [tmp_path]) == []


def test_a_layer_that_names_groups_asks_their_hosts_only(tmp_path: Path) -> None:
    everywhere = layer(tmp_path, "10-a", "status_host")
    named = layer(tmp_path, "20-b", "status_host")
    (named.parent / "groups.yml").write_text("- gpu\n- batch\n")
    assert find_hooks("status_host", [tmp_path], groups=["gpu", "other"]) == [str(everywhere), str(named)]
    assert find_hooks("status_host", [tmp_path], groups=["other"]) == [str(everywhere)]
    assert find_hooks("status_host", [tmp_path]) == [str(everywhere), str(named)]


def test_groups_that_are_no_list_are_refused(tmp_path: Path) -> None:
    named = layer(tmp_path, "20-b", "status_host")
    (named.parent / "groups.yml").write_text("gpu\n")
    with pytest.raises(AnsibleLookupError, match=r"holds 'gpu'\. Needed: a list of groups"):
        find_hooks("status_host", [tmp_path], groups=[])
