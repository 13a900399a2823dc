"""Options that no role knows, or with values that none takes, are named with what is allowed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ai_infn.platform.plugins.module_utils.options import (
    by_hosts,
    known_options,
    reserved_prefixes,
    unknown_option,
    value_problem,
)

from tests.support import ROOT

INVENTORIES = [path.name for path in sorted((ROOT / "inventories").iterdir())]


def specs() -> dict[str, Any]:
    paths = sorted((ROOT / "roles").glob("*/meta/argument_specs.yml"))
    return {path.parents[1].name: yaml.safe_load(path.read_text())["argument_specs"] for path in paths}


KNOWN = known_options(specs().values())
RESERVED = reserved_prefixes(specs())


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("kubernetes_api_port", "many", ("kubernetes_api_port", "int")),
        ("kubernetes_cgroup_driver", "cgroup", ("systemd, cgroupfs", "got: cgroup")),
        ("kubernetes_oidc", {"isuer": "https://iam.example"}, ("isuer", "issuer")),
        ("kubernetes_node_taints", [{"key": "gpu", "effect": "NoStart"}], ("NoSchedule", "NoStart")),
        ("kubernetes_node_taints", [{"key": "gpu"}], ("effect",)),
        ("host_base_kernel_modules", {"overlay": True}, ("host_base_kernel_modules", "list")),
    ],
)
def test_a_value_that_no_role_takes_is_named_with_what_is_allowed(name: str, value: Any, words: tuple[str]) -> None:
    problem = value_problem(name, KNOWN[name], value)
    assert problem and [word for word in words if word not in problem] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kubernetes_api_port", "8443"),
        ("kubernetes_oidc", {}),
        ("kubernetes_node_taints", [{"key": "gpu", "effect": "NoSchedule"}]),
        ("openstack_remove", "a required option of one entry point"),
    ],
)
def test_a_value_that_a_role_takes_is_no_problem(name: str, value: Any) -> None:
    assert value_problem(name, KNOWN[name], value) == ""


def test_a_misspelt_option_is_told_its_name() -> None:
    assert "write kubernetes_version" in unknown_option("kubernetes_verison", KNOWN, RESERVED)
    assert "must not begin with flannel_" in unknown_option("flannel_something_else", KNOWN, RESERVED)


@pytest.mark.parametrize("name", ["kubernetes_version", "ansible_user", "node", "my_kubernetes_version"])
def test_options_and_variables_of_the_admins_own_are_no_problem(name: str) -> None:
    assert unknown_option(name, KNOWN, RESERVED) == ""


def test_hosts_with_the_same_problem_share_a_sentence() -> None:
    found = by_hosts({"one": {"a": "wrong"}, "two": {"a": "wrong", "b": "worse"}, "three": {}})
    assert found == ["a of one, two: wrong.", "b of two: worse."]


def problems(inventory: Path, folder: Path, *words: str) -> str:
    """Return what a play prints of the problems of an inventory's hosts."""
    look = {"ansible.builtin.debug": {"msg": "{{ query('ai_infn.platform.option_problems', *groups['all']) }}"}}
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "roles": ["ai_infn.platform.site_defaults"],
        "tasks": [look],
    }
    (folder / "look.yml").write_text(yaml.safe_dump([play]))
    command = [ROOT / ".venv/bin/ansible-playbook", "-i", inventory, folder / "look.yml", *words]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", INVENTORIES)
def test_the_inventories_of_this_collection_have_no_problem(name: str, tmp_path: Path) -> None:
    assert "msg: []" in problems(ROOT / "inventories" / name / "hosts.yml", tmp_path)


def test_problems_of_hosts_and_of_the_command_line_are_found(tmp_path: Path) -> None:
    hosts = {"one": {"kubernetes_api_port": "many"}, "two": {"kubernetes_pod_cidr": "{{ kubernetes_service_cidr }}"}}
    path = tmp_path / "hosts.yml"
    path.write_text(yaml.safe_dump({"all": {"children": {"kube_worker": {"hosts": hosts}}}}))
    found = problems(path, tmp_path, "-e", "kubernetes_verison=1.37.2")
    assert "kubernetes_verison of one, two: no role has such an option" in found
    assert "kubernetes_api_port of one" in found
    assert "kubernetes_pod_cidr" not in found
