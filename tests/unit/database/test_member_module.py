"""What the module postgresql_member asks of the agent's program, and when it says that something changed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.support import ROOT
from tests.unit.database.answers import said

LEAD: dict[str, Any] = {"lead": True}


def member(folder: Path, status: dict[str, Any], *words: str, options: dict[str, Any] = LEAD) -> dict[str, Any]:
    """Run the module with a program that prints a status, and after a switchover that its own host leads."""
    after = {**status, "leader": status["me"], "server": {**status["server"], "primary": True, "receives": ""}}
    (folder / "status").write_text(json.dumps(status))
    (folder / "after").write_text(json.dumps(after))
    program = folder / "postgresql-failover"
    lines = [
        "#!/bin/sh",
        f"cd {folder}",
        'echo "$*" >> calls',
        'case "$1" in status) cat status ;; switchover) mv after status ;; esac',
    ]
    program.write_text("\n".join(lines) + "\n")
    program.chmod(0o755)
    systemctl = folder / "systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "systemctl $*" >> {folder}/calls\n')
    systemctl.chmod(0o755)
    arguments = json.dumps({"program": str(program), **options})
    command = [
        ROOT / ".venv/bin/ansible",
        "localhost",
        "-m",
        "ai_infn.platform.postgresql_member",
        "-a",
        arguments,
        *words,
    ]
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        env=os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"},
    )  # fmt: skip
    answer = yaml.safe_load(done.stdout.partition(" => ")[2])
    assert isinstance(answer, dict), done.stdout + done.stderr
    return {**answer, "calls": (folder / "calls").read_text().splitlines()}


def test_a_standby_is_made_to_lead_and_that_is_a_change(tmp_path: Path) -> None:
    found = member(tmp_path, said("db-2"))
    assert found["changed"] and found["calls"] == ["status", "switchover --to db-2", "status"]
    assert (found["former_leader"], found["cluster"]["leader"]) == ("db-1", "db-2")


def test_check_mode_says_that_the_leader_would_change_and_leaves_it(tmp_path: Path) -> None:
    found = member(tmp_path, said("db-2"), "--check")
    assert found["changed"] and found["calls"] == ["status"] and found["cluster"]["leader"] == "db-1"


def test_who_leads_already_is_left_alone(tmp_path: Path) -> None:
    found = member(tmp_path, said("db-1"))
    assert not found["changed"] and not [call for call in found["calls"] if call.startswith("switchover")]


def test_a_standby_that_does_not_receive_is_not_made_to_lead(tmp_path: Path) -> None:
    found = member(tmp_path, said("db-2", {"receives": ""}))
    assert "db-2 cannot lead: it receives from nobody" in found["msg"] and found["calls"] == ["status"]


def test_a_member_that_leaves_is_taken_out_of_the_settings_once(tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    text = json.dumps({"me": "db-1", "members": {"db-1": "a", "db-3": "c"}}, indent=4, sort_keys=True) + "\n"
    settings.write_text(text)
    options = {"without": "db-3", "settings": str(settings)}
    assert member(tmp_path, said("db-1"), "--check", options=options)["changed"] and settings.read_text() == text
    (tmp_path / "calls").unlink()
    found = member(tmp_path, said("db-1"), options=options)
    assert found["changed"] and "systemctl restart postgresql-failover.service" in found["calls"]
    assert settings.read_text() == text.replace('"a",', '"a"').replace('        "db-3": "c"\n', "")
    (tmp_path / "calls").unlink()
    assert not member(tmp_path, said("db-1"), options=options)["changed"]


def test_the_module_waits_until_no_commit_relies_on_who_leaves(tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text('{"members": {"db-1": "a"}}')
    options = {"without": "db-3", "settings": str(settings), "wait": 1}
    assert "Commits rely on db-3 after 1 s" in member(tmp_path, said("db-1"), options=options)["msg"]
    alone = said("db-1", rules=[{"standbys": ["db-2"], "confirmations": 1}])
    assert not member(tmp_path, alone, options=options)["changed"]


def test_a_server_is_restarted_where_something_waits_for_it_or_always(tmp_path: Path) -> None:
    idle = said("db-2", {"report": {"pending_restart": []}})
    waits = said("db-2", {"report": {"pending_restart": ["max_connections"]}})
    assert not member(tmp_path, idle, options={"restart": "needed"})["changed"]
    for status, restart in ((waits, "needed"), (idle, "always")):
        (tmp_path / "calls").unlink()
        found = member(tmp_path, status, options={"restart": restart})
        assert found["changed"] and "restart" in found["calls"]
    (tmp_path / "calls").unlink()
    found = member(tmp_path, waits, "--check", options={"restart": "needed"})
    assert found["changed"] and found["calls"] == ["status"]
