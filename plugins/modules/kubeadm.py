#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run kubeadm init, join or reset so that an interrupted run is repaired by the next."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm
author: AI_INFN platform maintainers (@ai-infn)
short_description: Run kubeadm init, join or reset so that an interrupted run is repaired by the next
version_added: 0.1.0
description:
  - Leaves a host alone that is a member of its cluster.
  - A mark on the host says that kubeadm began and did not end. Where the next run finds it, it waits for a kubeadm that
    still runs, accepts a join that has ended well, or resets B(this host) and begins again.
  - A host that holds data of etcd without that mark is never reset, unless O(reset_allowed) says so.
  - kubeadm reads its configuration from a file that only root can read, removed afterwards.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  action:
    description: What to do.
    type: str
    choices: [init, join, reset]
    required: true
  name:
    description: Name of the host's Node.
    type: str
    required: true
  address:
    description: Address of the host's own API server.
    type: str
    required: true
  port:
    description: Port of the host's own API server.
    type: int
    default: 6443
  config:
    description: kubeadm's configuration. Required for V(init) and V(join).
    type: str
  discovery:
    description: Kubeconfig without a user by which V(join) finds the cluster; the configuration names it as
      C(/run/ai-infn-kubeadm/discovery.conf).
    type: str
  control_plane:
    description: Whether the host becomes a control plane.
    type: bool
    default: false
  reset_allowed:
    description: Whether whatever is on the host may be destroyed.
    type: bool
    default: false
  only_repair:
    description: Whether to stop after the reset of a host that V(init) or V(join) would reset, so that the host is
      clean.
    type: bool
    default: false
  timeout:
    description: Seconds after which kubeadm is ended.
    type: int
    default: 420
"""

EXAMPLES = r"""
- name: Join the worker
  ai_infn.platform.kubeadm:
    action: join
    name: worker-1
    address: 10.64.0.11
    config: "{{ lookup('ansible.builtin.template', 'join.yaml.j2') }}"
    discovery: "{{ lookup('ansible.builtin.template', 'discovery.conf.j2') }}"
"""

RETURN = r"""
step:
  description: What was done, one of V(nothing), V(finish), V(run), V(reset), V(reset_and_run).
  returned: success
  type: str
reason:
  description: Why.
  returned: success
  type: str
state:
  description: State of the host afterwards, as M(ai_infn.platform.kubernetes_host_info) calls it.
  returned: success
  type: str
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import read_text
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.host import LOCK, MARKER, observe
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.kubeadm import (
    FINISH,
    LEFTOVER_PATHS,
    REFUSE,
    RESET,
    RESET_AND_RUN,
    RUN,
    decide,
    leftovers,
    repair_of,
)

RUN_FOLDER = "/run/ai-infn-kubeadm"
SOCKET = "unix:///run/containerd/containerd.sock"


class KubeadmError(Exception):
    """kubeadm failed; the message has the end of its output."""


@contextlib.contextmanager
def only_one(deadline: float):
    """Hold the host's kubeadm lock. A kubeadm whose Ansible died keeps it: the descriptor is inherited."""
    os.makedirs(RUN_FOLDER, mode=0o700, exist_ok=True)
    end = time.monotonic() + deadline
    with open(LOCK, "w", encoding="utf-8") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > end:
                    raise KubeadmError(f"another kubeadm has been running on this host for {deadline:.0f} s") from error
                time.sleep(0.5)
        yield lock


def run(command: list[str], lock, timeout: float) -> None:
    """Run kubeadm, its output in a file that survives this module."""
    log = f"/var/log/{command[0]}-{command[1]}.log"
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        try:
            code = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                timeout=timeout,
                check=False,
                pass_fds=[lock.fileno()],
            ).returncode
        except subprocess.TimeoutExpired as error:
            raise KubeadmError(
                f"'{command[0]} {command[1]}' did not end within {timeout:.0f} s; see {log} on the host"
            ) from error
    if code != 0:
        tail = "\n".join(read_text(log).splitlines()[-25:])
        raise KubeadmError(f"'{command[0]} {command[1]}' ended with {code}; {log} on the host ends with:\n{tail}")


def reset(lock, timeout: float) -> None:
    """Take everything of Kubernetes off this host."""
    run(["kubeadm", "reset", "--force", "--cri-socket", SOCKET], lock, timeout)
    for folder in LEFTOVER_PATHS:
        for entry in os.scandir(folder) if os.path.isdir(folder) else []:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)
    for command in leftovers():
        with contextlib.suppress(FileNotFoundError):
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(MARKER)


def keep_pods_out() -> None:
    """Lay the network policies' base again, which the reset took away, before the host gets pods."""
    subprocess.run(["systemctl", "try-restart", "network-policy-base.service"], capture_output=True, check=False)


def start_kubelet_anew() -> None:
    """Restart the kubelet, now that it has its certificate and an API server.

    Until then its requests were refused. It repeats each after twice the time, up to half a minute, and starts no pod
    before it knows the services.
    """
    subprocess.run(["systemctl", "try-restart", "kubelet.service"], capture_output=True, check=False)


def begin(params, lock) -> None:
    """Run kubeadm init or join between the mark and its removal."""
    os.makedirs(os.path.dirname(MARKER), exist_ok=True)
    with open(MARKER, "w", encoding="utf-8") as stream:
        stream.write(params["action"])
        stream.flush()
        os.fsync(stream.fileno())
    files = {"config.yaml": params["config"], "discovery.conf": params["discovery"]}
    try:
        for name, content in files.items():
            descriptor = os.open(f"{RUN_FOLDER}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(content or "")
        quiet = ["--skip-token-print"] if params["action"] == "init" else []
        run(["kubeadm", params["action"], "--config", f"{RUN_FOLDER}/config.yaml", *quiet], lock, params["timeout"])
        if params["action"] == "init" or not params["control_plane"]:
            start_kubelet_anew()
    finally:
        for name in files:
            os.unlink(f"{RUN_FOLDER}/{name}")
    os.unlink(MARKER)


def carry_out(params, lock, check_mode: bool):
    """Decide under the lock, and do it."""
    seen = observe(params["name"], params["address"], params["port"])
    decision = decide(params["action"], params["control_plane"], seen, params["reset_allowed"])
    if params["only_repair"]:
        decision = repair_of(decision)
    if decision.step == REFUSE:
        raise KubeadmError(
            f"Nothing was changed on {params['name']}: {decision.reason}. If nothing on it is needed, "
            "run 'kubeadm reset' there, or set kubernetes_reset_allowed=true for this host in one run; if its data is "
            "the last, use restore_etcd.yml."
        )
    if check_mode:
        return decision
    if decision.step in (RESET, RESET_AND_RUN):
        reset(lock, params["timeout"])
        if params["action"] != "reset":
            keep_pods_out()
    if decision.step in (RUN, RESET_AND_RUN):
        begin(params, lock)
    if decision.step == FINISH:
        os.unlink(MARKER)
    return decision


def main() -> None:
    """Read the options, act under the lock, report."""
    module = AnsibleModule(
        {
            "action": {"type": "str", "choices": ["init", "join", "reset"], "required": True},
            "name": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "port": {"type": "int", "default": 6443},
            "config": {"type": "str", "no_log": True},
            "discovery": {"type": "str", "no_log": True},
            "control_plane": {"type": "bool", "default": False},
            "reset_allowed": {"type": "bool", "default": False},
            "only_repair": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 420},
        },
        supports_check_mode=True,
    )
    try:
        with only_one(module.params["timeout"]) as lock:
            decision = carry_out(module.params, lock, module.check_mode)
    except (KubeadmError, OSError) as error:
        module.fail_json(msg=str(error))
    else:
        module.exit_json(changed=decision.changes, step=decision.step, reason=decision.reason, state=decision.state)


if __name__ == "__main__":
    main()
