"""What the roles write on the hosts of a site, rendered by Ansible itself and put nowhere.

A copy of the collection is made whose roles keep their defaults, variables, dependencies and templates. Instead of its
tasks each role has one that shows all its templates, what its variables declare, and what its tasks give to the modules
that write.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support import ROOT, checked

WRITERS = (
    ("ai_infn.platform.host_setup", "parts"),
    ("ai_infn.platform.kubernetes_objects", "objects"),
)
"""Modules that write, and the option that holds what."""

DECLARED = ("part", "objects", "options")
"""How the names of the variables end in which a role declares what others write."""

GROUPS = {
    "kubernetes_control_plane": "kube_control_plane",
    "etcd": "etcd",
    "postgresql": "postgresql",
    "postgresql_failover": "postgresql",
    "pgbackrest": "database",
    "postgresql_backup_check": "postgresql_backup",
    "postgresql_proxy": "postgresql_backup",
    "ceph": "ceph_mon",
    "ceph_mgr": "ceph_mon",
    "ceph_mds": "ceph_mds",
    "cephfs_snapshots": "ceph_mon",
    "identity": "ceph_mon",
    "tenants": "kube_control_plane",
    "hub": "kube_control_plane",
    "ceph_osd": "ceph_osd",
    "ceph_nfs": "ceph_osd",
    "ceph_rgw": "ceph_osd",
    "shared_filesystem": "shared_filesystem",
    "shared_filesystem_backup": "shared_filesystem",
}
"""Group of hosts that a role is for, where it is not the whole overlay."""

KNOWN_AT_RUN_TIME = {
    "kubernetes_host": {"state": "clean"},
    "kubernetes_leader": "{{ groups.kube_control_plane[0] }}",
    "kubernetes_node_address": "{{ openstack_network_cidr | ansible.utils.nthhost(10 + number | int) }}",
    "openstack_server_address": "{{ openstack_network_cidr | ansible.utils.nthhost(10 + number | int) }}",
    "pgbackrest_passphrase": "passphrase",
    "_pgbackrest_kind": "full",
    "_pgbackrest_moment": "Sun 01:15",
    "kubernetes_join_control_plane": "{{ inventory_hostname in groups.kube_control_plane }}",
    "kubernetes_join_offer": {"token": "abcdef.0123456789abcdef", "authority": "certificate", "lacking": []},
    "__kubernetes_control_plane_keys": {"stdout": "server: nowhere\n---keys---\nkeys"},
    "artifact_files": [],
    "_ceph_entity": "client.admin",
    "_ceph_key": "key",
    "ceph_monitor_key": "key",
    "ceph_admin_key": "key",
    "ceph_fsid": "5d2a0a52-7d0c-4b5c-9d3e-2f9c3f6f7e01",
    "_shared_filesystem_mounted": {"source": "192.0.2.1:/", "options": "hard"},
    "_containerd_registry": "docker.io",
    "_postgresql_proxy_certificate": "certificate",
    "_kubernetes_control_plane_component": "kube-apiserver",
}
"""What roles observe, or give to a template; a new template that needs more of it has its value here."""

OTHER_LAYERS = (
    ("{{ groups.kubernetes[0] }}", ["postgresql", "etcd", "database"]),
    ("{{ groups.kubernetes[1] }}", ["postgresql", "etcd", "database"]),
    (
        "{{ groups.kubernetes[2] }}",
        ["postgresql_backup", "database", "ceph_mon", "ceph_osd", "ceph_mds", "shared_filesystem"],
    ),
)
"""Hosts of the overlay that are taken for those of other layers, and their groups."""

NUMBER = "{{ groups.kubernetes.index(inventory_hostname) }}"
CONTROL_PLANES = (
    "{{ dict(groups.kube_control_plane"
    " | zip(groups.kube_control_plane | map('extract', hostvars, 'kubernetes_node_address'))) }}"
)


@dataclass(frozen=True)
class Rendering:
    """What one site writes."""

    texts: dict[str, dict[str, str]]
    """By host, then by the template's path in the repository, or the role's name for what its tasks hold themselves."""
    options: dict[str, dict[str, Any]]
    """By host: the values of the options that were asked for."""


def tasks_in(content: Any) -> Iterator[dict[str, Any]]:
    """Every task of a file of tasks, also those within blocks."""
    for task in content or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_in(task.get(part))


def templates_of(role: Path) -> list[str]:
    """Every template of a role, by its path in the repository."""
    files = (path for path in (role / "templates").rglob("*") if path.is_file())
    return sorted(str(Path("roles") / role.name / path.relative_to(role)) for path in files)


def showing_tasks(role: Path) -> list[dict[str, Any]]:
    """Tasks that show what a role would write."""
    prefix = f"roles/{role.name}/templates/"
    shown: list[dict[str, Any]] = [
        {name: "{{ lookup('ai_infn.platform.role_template', '" + f"{role.name}/{name.removeprefix(prefix)}" + "') }}"}
        for name in templates_of(role)
    ]
    variables: dict[str, Any] = {}
    declared = role / "vars" / "main.yml"
    for name in yaml.safe_load(declared.read_text()) if declared.exists() else {}:
        if name in {f"{role.name}_{end}" for end in DECLARED}:
            shown.append({role.name: "{{ " + name + " }}"})
    for path in sorted((role / "tasks").glob("*.yml")):
        for task in tasks_in(yaml.safe_load(path.read_text())):
            for module, option in WRITERS:
                if option in task.get(module, {}):
                    shown.append({role.name: task[module][option]})
                    variables |= task.get("vars", {})
    if not shown:
        return []
    when = f"inventory_hostname in groups['{GROUPS.get(role.name, 'kubernetes')}']"
    return [
        {"name": role.name, "ansible.builtin.debug": {"msg": {"shown": shown}}, "vars": variables, "when": when},
    ]


def make_collection(folder: Path, extra: dict[str, str]) -> list[str]:
    """Make the copy of the collection, and ``extra`` files by path in the repository; the names of its roles."""
    copy = folder / "ansible_collections" / "ai_infn" / "platform"
    for name in ("plugins", "meta", "roles", "services"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("argument_specs.yml", "__pycache__"))
    shutil.copy(ROOT / "galaxy.yml", copy)
    for name, text in extra.items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text(text)
    files = copy / "roles" / "artifact" / "files"
    lock = yaml.safe_load((files / "lock.yml").read_text())["artifacts"]
    addresses = [
        entry["address"].replace("{version}", str(version)) for entry in lock.values() for version in entry["versions"]
    ]
    digests = {"digests": dict.fromkeys(addresses, "sha256:" + "0" * 64)}
    (files / "digests_upstream.yml").write_text(yaml.safe_dump(digests))
    roles = sorted((copy / "roles").iterdir())
    for role in roles:
        tasks = showing_tasks(role)
        shutil.rmtree(role / "tasks", ignore_errors=True)
        (role / "tasks").mkdir()
        (role / "tasks" / "main.yml").write_text(yaml.safe_dump(tasks, sort_keys=False))
    return [role.name for role in roles]


def strings(value: Any) -> Iterator[str]:
    """Lines of text for all that a value holds."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield f"{key}: {json.dumps(entry)}"
            yield from strings(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from strings(entry)
    else:
        yield str(value)


def render(inventory: Path, folder: Path, options: list[str], extra: dict[str, str] | None = None) -> Rendering:
    """Render everything for every host of the overlay of a site, in check mode: no secret of the site is made."""
    roles = make_collection(folder / "collections", extra or {})
    play = {
        "hosts": "kubernetes",
        "gather_facts": False,
        "pre_tasks": [
            {"name": "observe", "ansible.builtin.set_fact": KNOWN_AT_RUN_TIME, "vars": {"number": NUMBER}},
            *(
                {"name": "declare", "ansible.builtin.add_host": {"name": name, "groups": groups}}
                for name, groups in OTHER_LAYERS
            ),
            {"name": "observe all", "ansible.builtin.set_fact": {"kubernetes_control_planes": CONTROL_PLANES}},
        ],
        "roles": [f"ai_infn.platform.{name}" for name in roles],
        "post_tasks": [
            {"name": "options", "ansible.builtin.debug": {"msg": {"options": {n: "{{ " + n + " }}" for n in options}}}},
        ],
    }
    playbook = folder / "render.yml"
    playbook.write_text(yaml.safe_dump([play], sort_keys=False))
    settings = folder / "ansible.cfg"
    settings.write_text(f"[defaults]\ncollections_path = {folder}/collections\nstdout_callback = ansible.posix.json\n")
    environment = os.environ | {"ANSIBLE_CONFIG": str(settings)}
    # The file, not its folder: a site's cloud is not asked.
    command: list[str | Path] = [
        ROOT / ".venv/bin/ansible-playbook",
        "--check",
        "-i",
        inventory / "hosts.yml",
        playbook,
    ]
    (said,) = json.loads(checked(command, env=environment))["plays"]
    return rendering_in(said["tasks"])


def rendering_in(tasks: list[dict[str, Any]]) -> Rendering:
    """Take from a play's results what its tasks have shown."""
    texts: dict[str, dict[str, str]] = {}
    values: dict[str, dict[str, Any]] = {}
    for task in tasks:
        for host, result in task["hosts"].items():
            message = result.get("msg")
            if not isinstance(message, dict):
                continue
            values.setdefault(host, {}).update(message.get("options", {}))
            for entry in message.get("shown", []):
                for name, content in entry.items():
                    known = texts.setdefault(host, {})
                    known[name] = "\n".join([*([known[name]] if name in known else []), *strings(content)])
    return Rendering(texts, values)
