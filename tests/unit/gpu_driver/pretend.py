"""An action plugin that stands for each module of the driver's tasks, notes its call and changes a pretended host.

The test copies it into a copy of the collection, once for each module. The hosts are in the file PRETENDED_HOSTS.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.kernel import OPEN, REBOOT, Module, Seen, needed

HOSTS = Path(os.environ["PRETENDED_HOSTS"])
Host = dict[str, Any]


def nvidia_driver_info(host: Host, _args: dict[str, Any], _check: bool) -> dict[str, Any]:
    loaded, installed = (Module(host[kind], OPEN) if host[kind] else None for kind in ("loaded", "installed"))
    action, reason = needed(Seen("6.12.48+deb13-cloud-amd64", loaded, installed, nouveau=host["nouveau"]))
    return {
        "action": action,
        "reason": reason,
        "reboot_required": action == REBOOT,
        "kernel": "6.12.48+deb13-cloud-amd64",
        "installed": asdict(installed) if installed else {},
        "secure_boot": host["secure_boot"],
        "key_enrolled": False,
        "packages": host["packages"],
    }


def apt(host: Host, args: dict[str, Any], check: bool) -> dict[str, Any]:
    if args.get("state") != "latest" or host["installed"] == host["candidate"]:
        return {"changed": False, "stdout": ""}
    text = f"Inst nvidia-smi [{host['installed']}] ({host['candidate']} Debian)"
    if not check:
        host["installed"] = host["candidate"]
    return {"changed": True, "stdout": text, "stdout_lines": [text]}


def reboot(host: Host, _args: dict[str, Any], check: bool) -> dict[str, Any]:
    if not check:
        host["loaded"], host["nouveau"] = host["installed"], False
    return {"changed": True, "rebooted": not check}


def modprobe(host: Host, _args: dict[str, Any], check: bool) -> dict[str, Any]:
    changed = not host["loaded"]
    if changed and not check:
        host["loaded"] = host["installed"]
    return {"changed": changed}


def command(host: Host, args: dict[str, Any], _check: bool) -> dict[str, Any]:
    if "argv" in args:  # the host's package sources
        return {"rc": 0, "stdout_lines": ["https://archive.example/debian trixie"]}
    if host["broken"] or host["loaded"] != host["installed"]:
        return {"rc": 18, "stdout": "Failed to initialize NVML: Driver/library version mismatch", "stderr": ""}
    return {"rc": 0, "stdout": host["loaded"], "stdout_lines": [host["loaded"]], "stderr": ""}


def kubernetes_drain(_host: Host, _args: dict[str, Any], _check: bool) -> dict[str, Any]:
    return {"changed": True}


def host_setup(_host: Host, _args: dict[str, Any], _check: bool) -> dict[str, Any]:
    return {"changed": False, "missing_packages": []}


class ActionModule(ActionBase):
    """Notes the call, and answers as the function of the module's name does."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        name = self._task.action.rsplit(".", 1)[1]
        hosts = json.loads(HOSTS.read_text())
        host = hosts["hosts"][(task_vars or {})["inventory_hostname"]]
        args = dict(self._task.args)
        answer = globals()[name](host, args, self._task.check_mode) if name in globals() else {"changed": False}
        detail = args.get("state", "") if name in ("kubernetes_drain", "apt") else ""
        check = " (check)" if self._task.check_mode else ""
        hosts["calls"].append(f"{(task_vars or {})['inventory_hostname']}: {name} {detail}".strip() + check)
        hosts["args"].append(args)
        HOSTS.write_text(json.dumps(hosts))
        return answer
