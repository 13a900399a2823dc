# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host's membership in its cluster: kubeadm init, join or reset, repairing what an interrupted run has left."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import math
import os
import shutil
import subprocess
import time

from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import read_text, wait_for
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.host import LOCK, MARKER, observe
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.kubeadm import (
    FINISH,
    LEFTOVER_PATHS,
    REFUSE,
    RESET,
    RESET_AND_RUN,
    RUN,
    Decision,
    decide,
    leftovers,
    repair_of,
)

PATIENCE = 420
"""Seconds after which kubeadm is ended."""
RUN_FOLDER = "/run/ai-infn-kubeadm"
CLIENT_CERTIFICATE = "/var/lib/kubelet/pki/kubelet-client-current.pem"
FIRST_REPETITION = 0.8
"""Seconds after which a kubelet repeats a request that was refused, at the earliest; each further time doubles them."""
API_PORT = 6443
SOCKET = "unix:///run/containerd/containerd.sock"


class KubeadmError(Exception):
    """kubeadm failed; the message has the end of its output."""


@contextlib.contextmanager
def only_one(deadline: float):
    """Hold the host's kubeadm lock. A kubeadm whose Ansible died keeps it: the descriptor is inherited."""
    os.makedirs(RUN_FOLDER, mode=0o700, exist_ok=True)
    with open(LOCK, "w", encoding="utf-8") as lock:

        def taken() -> bool:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not wait_for(taken, deadline):
            raise KubeadmError(f"another kubeadm has been running on this host for {deadline:.0f} s")
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
    """Restart the kubelet, now that it has its certificate and an API server. Pods run on.

    It repeats each request that was refused until then after twice the time, up to half a minute, starts no pod
    before it knows the services, and tells of pods that changed nothing since then only every minute or so.
    """
    subprocess.run(["systemctl", "try-restart", "kubelet.service"], capture_output=True, check=False)


def seconds_without_certificate() -> float:
    """Return how long the kubelet ran before it had its certificate; infinite where that cannot be told."""
    command = ["systemctl", "show", "--value", "--property=ExecMainStartTimestampMonotonic", "kubelet.service"]
    started = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    try:
        since_certificate = time.time() - os.lstat(CLIENT_CERTIFICATE).st_mtime
        return time.clock_gettime(time.CLOCK_MONOTONIC) - int(started) / 1e6 - since_certificate
    except (OSError, ValueError):
        return math.inf


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
        if params["action"] == "init" or (
            not params["control_plane"] and seconds_without_certificate() > FIRST_REPETITION
        ):
            start_kubelet_anew()
    finally:
        for name in files:
            os.unlink(f"{RUN_FOLDER}/{name}")
    os.unlink(MARKER)


def carry_out(params, lock, check_mode: bool) -> Decision:
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


def change(params, check_mode: bool) -> Decision:
    """Do what the options of M(ai_infn.platform.kubeadm) say; return what that was. Raises KubeadmError or OSError."""
    with only_one(params["timeout"]) as lock:
        return carry_out(params, lock, check_mode)


class Join:
    """A worker's join, around what has to be on the host before it: ``prepare`` comes first, ``carry_out`` at the end.

    ``config`` and ``discovery`` of the options are in base64; without them the host is only looked at. Raises
    ValueError where something is no base64.
    """

    def __init__(self, params, check_mode: bool) -> None:
        self._check_mode = check_mode
        self._wanted = bool(params["config"])
        self._params = {"action": "join", "port": API_PORT, "control_plane": False, "timeout": PATIENCE, **params}
        for name in ("config", "discovery"):
            self._params[name] = base64.b64decode(params[name] or "", validate=True).decode()
        self._found = ""

    def prepare(self) -> bool:
        """Take away what an interrupted run has left, if the host shall join; whether there was any.

        Raises KubeadmError where the host holds what must not be destroyed, or OSError.
        """
        decision = change({**self._params, "only_repair": True}, self._check_mode or not self._wanted)
        self._found = decision.before
        return self._wanted and decision.changes

    def carry_out(self) -> tuple[str, str]:
        """Join; return what kubeadm did, empty if nothing was asked, and the host's state then.

        Raises KubeadmError or OSError.
        """
        if not self._wanted:
            return "", self._found
        decision = change({**self._params, "only_repair": False}, self._check_mode)
        return decision.step, decision.state
