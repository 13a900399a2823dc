"""A layer in a folder of its own takes part in preflight and status without any edit."""

from __future__ import annotations

import json
from pathlib import Path

from tests.platform.site import Lab

EXAMPLE = {"layer_paths": [str(Path(__file__).with_name("layers"))]}


def test_a_layer_of_the_sites_own_is_asked_before_the_first_change(lab: Lab) -> None:
    run = lab.playbook("site", extra=EXAMPLE | {"example_refuses": "preflight"})
    assert run.rc != 0 and run.changed == []
    assert "The example layer refuses the inventory." in run.failures


def test_a_layer_of_the_sites_own_takes_part_in_status(lab: Lab, tmp_path: Path) -> None:
    report = tmp_path / "status.json"
    lab.playbook("status", extra=EXAMPLE | {"status_file": str(report)}).assert_ok()
    seen = {
        (check["check"], check["host"])
        for check in json.loads(report.read_text())["checks"]
        if check["layer"] == "example"
    }
    assert seen == {("site", "localhost"), *(("host", name) for name in lab.hostvars())}


def test_a_failed_check_of_a_layer_fails_status(lab: Lab, tmp_path: Path) -> None:
    report = tmp_path / "status.json"
    run = lab.playbook("status", extra=EXAMPLE | {"status_file": str(report), "example_refuses": "status"})
    document = json.loads(report.read_text())
    assert run.rc != 0 and not document["ok"]
    assert document["failures"] == ["localhost: example site: as the example was told"]


def test_a_layer_may_keep_a_host(lab: Lab) -> None:
    run = lab.playbook("remove_node", extra=EXAMPLE | {"example_refuses": "leave", "node": "worker-2"})
    assert run.rc != 0 and run.changed == []
    assert "The example layer keeps worker-2." in run.failures
