"""The callback tells where each task really ran, whatever way it was sent there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import yaml

from lab.bench import callback, events
from tests.support import ROOT, checked

PLAYBOOK = """
- hosts: new
  gather_facts: false
  tasks:
    - {name: Here, ansible.builtin.command: "true", changed_when: false}
    - {name: There, ansible.builtin.command: "true", changed_when: false, delegate_to: old}
    - {name: Quietly there, ansible.builtin.command: "true", changed_when: false, delegate_to: old, no_log: true}
    - name: By a variable
      ansible.builtin.command: "true"
      changed_when: false
      run_once: true
      delegate_to: "{{ leader }}"
    - name: One after the other
      ansible.builtin.command: "true"
      changed_when: false
      delegate_to: "{{ item }}"
      loop: [old]
    - name: Not at all
      ansible.builtin.command: "true"
      delegate_to: "{{ item }}"
      loop: []
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> events.Run:
    folder = tmp_path_factory.mktemp("callback")
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts = {"new": host | {"ansible_host": "127.0.0.1"}, "old": host | {"ansible_host": "127.0.0.2"}}
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": {"leader": "old"}}}))
    (folder / "playbook.yml").write_text(PLAYBOOK)
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_CALLBACK_PLUGINS": str(next(iter(callback.__path__))),
        "ANSIBLE_CALLBACKS_ENABLED": "bench_events",
        "BENCH_EVENTS": str(folder / "events"),
    }
    program = Path(sys.executable).with_name("ansible-playbook")
    checked([program, "-i", folder / "hosts.yml", folder / "playbook.yml"], env=environment)
    return events.read(folder / "events", folder / "none")


@pytest.mark.parametrize("task", ["There", "Quietly there", "By a variable", "One after the other"])
def test_a_delegated_task_ran_on_the_other_host(run: events.Run, task: str) -> None:
    assert f"old: {task}" in run.remote_tasks(["old"])
    assert f"new: {task}" not in run.remote_tasks(["new"])


def test_a_task_that_is_not_delegated_ran_on_its_host(run: events.Run) -> None:
    assert run.remote_tasks(["new"]) == ["new: Here"]


def test_an_empty_loop_ran_nowhere(run: events.Run) -> None:
    assert not any("Not at all" in one for one in run.remote_tasks(["new", "old"]))
