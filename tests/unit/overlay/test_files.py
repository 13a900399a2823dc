"""Which files must be written, and which commands must run, so that a component is as declared."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.files import (
    RELOAD,
    Found,
    Wanted,
    declared,
    difference,
    find,
    plan,
    to_apply,
)

RIGHT = Found("a\n", 0o644, "root", "root")


def test_a_file_that_is_right_is_left_alone() -> None:
    assert plan([Wanted("/f", "a\n")], {"/f": RIGHT}) == []


def test_a_file_with_other_content_is_rewritten() -> None:
    (step,) = plan([Wanted("/f", "b\n")], {"/f": RIGHT})
    assert step.rewrite
    assert difference(step)["after"] == "b\n"


def test_a_file_with_another_mode_is_not_rewritten() -> None:
    (step,) = plan([Wanted("/f", "a\n", mode=0o600)], {"/f": RIGHT})
    assert not step.rewrite
    assert "0600" in difference(step)["after"]


def test_an_empty_owner_is_anybody() -> None:
    found = Found("a\n", 0o644, "somebody", "else")
    assert plan([Wanted("/f", "a\n", owner="", group="")], {"/f": found}) == []


def test_a_file_without_content_is_removed_once() -> None:
    assert len(plan([Wanted("/f")], {"/f": RIGHT})) == 1
    assert plan([Wanted("/f")], {"/f": Found()}) == []


def test_a_line_is_put_after_the_line_that_matches() -> None:
    found = Found("version = 2\n\n[plugins]\n", 0o644, "root", "root")
    (step,) = plan([Wanted("/f", line="imports = []", after="^version")], {"/f": found})
    assert step.wanted.content == "version = 2\nimports = []\n\n[plugins]\n"


def test_a_file_that_holds_the_line_is_left_alone_whatever_else_it_holds() -> None:
    found = Found("version = 2\nimports = []\nforeign = true", 0o644, "root", "root")
    assert plan([Wanted("/f", line="imports = []", after="^version")], {"/f": found}) == []


def test_a_link_leads_where_it_shall_whether_something_is_there_or_not(tmp_path: Path) -> None:
    path = tmp_path / "link"

    def found() -> dict[str, Found]:
        return {str(path): find(str(path), str, str)}

    wanted = [Wanted(str(path), link="there")]
    (step,) = plan(wanted, found())
    assert difference(step)["after"] == "link to there\n" and difference(step)["before"] == ""
    path.symlink_to("there")
    assert plan(wanted, found()) == []
    (tmp_path / "there").write_text("a")
    assert plan(wanted, found()) == []
    path.unlink()
    path.symlink_to("elsewhere")
    (step,) = plan(wanted, found())
    assert difference(step)["before"] == "link to elsewhere\n"


def test_equal_commands_run_once_and_in_order() -> None:
    files = [Wanted("/a", "", apply="one"), Wanted("/b", "", apply="two"), Wanted("/c", "", apply="one")]
    assert to_apply(files, ["/c", "/b", "/a"], []) == ["one", "two"]


def test_a_command_that_an_interruption_prevented_runs_later() -> None:
    assert to_apply([Wanted("/a", "", apply="one")], [], ["/a"]) == ["one"]


OPTIONS = {
    "path": "/f",
    "content": None,
    "secret_content": None,
    "mode": "0640",
    "owner": "root",
    "group": "root",
    "apply": "",
}


def test_a_secret_content_is_written_and_never_shown() -> None:
    (step,) = plan([declared({**OPTIONS, "secret_content": b64encode(b"key: b\n").decode()})], {"/f": RIGHT})
    assert step.wanted.content == "key: b\n"
    assert step.wanted.mode == 0o640
    assert "b" not in difference(step)["after"].replace("(hidden, new)", "")
    assert difference(step)["before"] == "(hidden)\n"


def test_systemd_is_told_of_its_units_alone() -> None:
    assert declared({**OPTIONS, "path": "/etc/systemd/system/swap-off.service"}).apply == RELOAD
    assert declared({**OPTIONS, "path": "/etc/systemd/journald.conf.d/90-ai-infn.conf"}).apply == ""
    kubelet = {
        **OPTIONS,
        "path": "/etc/systemd/system/kubelet.service",
        "apply": "systemctl try-restart kubelet.service",
    }
    assert declared(kubelet).apply == "systemctl try-restart kubelet.service"
