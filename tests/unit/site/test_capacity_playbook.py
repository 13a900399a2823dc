"""The capacity report is written for a site without GPUs, and for one whose hosts do not answer."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.support import ROOT

HERE: dict[str, Any] = {"ansible_connection": "local", "ansible_become": False}
GONE = {"ansible_host": "127.0.0.1", "ansible_port": 9, "gpu_model": "A30"}


def run(playbook: str, folder: Path, hosts: dict[str, Any], *words: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook on a site without a cluster, which keeps its state in the folder."""
    variables = {"site_state_dir": str(folder), "site_name": "mine"}
    inventory = folder / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"all": {"vars": variables, "children": hosts}}), encoding="utf-8")
    return subprocess.run(
        [str(ROOT / ".venv/bin/ansible-playbook"), "-i", str(inventory), f"playbooks/{playbook}.yml", *words],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


def test_a_site_without_gpus_gets_zeros_and_a_page(tmp_path: Path) -> None:
    done = run("capacity", tmp_path, {"bastion": {"hosts": {"bastion-1": HERE}}})
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads((tmp_path / "capacity.json").read_text(encoding="utf-8"))
    assert [document[key] for key in ("site", "cards", "gpus", "allocated", "hosts")] == ["mine", 0, 0, 0, []]
    assert "This site has no GPUs." in (tmp_path / "capacity.html").read_text(encoding="utf-8")
    assert "0 cards, 0 GPUs" in done.stdout


def test_hosts_that_do_not_answer_are_in_the_report_and_do_not_end_it(tmp_path: Path) -> None:
    hosts = {"gone": GONE, "no-driver": {**HERE, "gpu_model": "A30"}, "no-model": HERE}
    done = run("capacity", tmp_path, {"gpu": {"hosts": hosts}})
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads((tmp_path / "capacity.json").read_text(encoding="utf-8"))
    assert [(host["name"], host["answers"]) for host in document["hosts"]] == [(name, False) for name in hosts]
    text = "\n".join(document["problems"])
    assert "gone: cannot be reached: " in text
    assert re.search(r"no-driver: its cards do not answer: .*Remedy: install the NVIDIA driver", text)
    assert "no-model: its cards do not answer: value of model must be one of" in text


def test_the_report_changes_when_more_than_the_time_does(tmp_path: Path) -> None:
    site = {"bastion": {"hosts": {"bastion-1": HERE}}}
    files = [tmp_path / "a.json", tmp_path / "a.html"]
    words = ["-e", f"capacity_file={files[0]}", "-e", f"capacity_picture={files[1]}"]
    checked = run("capacity", tmp_path, site, "--check", *words)
    assert "changed=1" in checked.stdout and not any(file.exists() for file in files), checked.stdout
    assert "changed=1" in run("capacity", tmp_path, site, *words).stdout
    document = json.loads(files[0].read_text(encoding="utf-8"))
    files[0].write_text(json.dumps({**document, "time": "2026-01-01T00:00:00+00:00"}, indent=2) + "\n")
    files[1].write_text(files[1].read_text().replace(document["time"], "2026-01-01T00:00:00+00:00"))
    assert "changed=0" in run("capacity", tmp_path, site, *words).stdout
    assert json.loads(files[0].read_text(encoding="utf-8"))["time"] >= document["time"]
    files[1].write_text("torn")
    assert "changed=1" in run("capacity", tmp_path, site, *words).stdout
    assert files[1].read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_status_has_no_checks_of_gpus_for_a_site_without_them(tmp_path: Path) -> None:
    done = run("status", tmp_path, {"bastion": {"hosts": {"bastion-1": HERE}}})
    document = json.loads((tmp_path / "status.json").read_text(encoding="utf-8"))
    layers = {check["layer"] for check in document["checks"]}
    assert "site" in layers and "gpu" not in layers, done.stdout


def test_status_says_that_the_cluster_cannot_be_asked_what_it_offers(tmp_path: Path) -> None:
    done = run("status", tmp_path, {"gpu": {"hosts": {"no-driver": {**HERE, "gpu_model": "A30"}}}})
    document = json.loads((tmp_path / "status.json").read_text(encoding="utf-8"))
    found = [check for check in document["checks"] if check["layer"] == "gpu"]
    assert done.returncode != 0 and [check["ok"] for check in found] == [False], done.stdout
