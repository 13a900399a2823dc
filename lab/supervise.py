"""Keeps the lab's programs running: supervisord inside the fabric, and readiness that is seen, not assumed."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import threading
import time
import xmlrpc.client
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from lab import fabric, settings
from lab.commands import run
from lab.programs import Program

FOLDER = settings.STATE / "supervisor"
CONFIGURATION = FOLDER / "supervisord.conf"
SOCKET = settings.RUN / "supervisor.sock"
STOP_SECONDS = 12
"""OpenStack's services take up to 10 s to end."""
RESTING = frozenset({"STOPPED", "EXITED", "FATAL", "UNKNOWN"})
GIVEN_UP = frozenset({"FATAL", "EXITED", "UNKNOWN"})
_lock = threading.RLock()


class NotReadyError(RuntimeError):
    """A program did not come up; the message holds the end of its log."""


def render_daemon() -> str:
    """Configuration of supervisord itself; each program has its own file beside it."""
    return "\n".join(
        [
            "[unix_http_server]",
            f"file={SOCKET}",
            "chmod=0700",
            "[supervisord]",
            f"logfile={settings.LOGS}/supervisord.log",
            "logfile_maxbytes=5MB",
            "logfile_backups=1",
            f"pidfile={settings.RUN}/supervisord.pid",
            "umask=077",
            "minfds=16384",
            "minprocs=4096",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
            "[include]",
            f"files={FOLDER}/programs/*.conf",
            "",
        ]
    )


def render_program(program: Program) -> str:
    """Configuration of one program; ``%`` is doubled because supervisord expands it."""
    environment = {settings.PROCESS_MARK: "1", **program.environment}
    pairs = ",".join(f"{name}={_quote(value)}" for name, value in sorted(environment.items()))
    log = settings.LOGS / f"{program.name}.log"
    return "\n".join(
        [
            f"[program:{program.name}]",
            f"command={shlex.join(program.command).replace('%', '%%')}",
            f"directory={program.directory}",
            f"environment={pairs}",
            "autostart=false",
            "autorestart=true",
            "startsecs=1",
            "startretries=5",
            f"stopwaitsecs={STOP_SECONDS}",
            "stopasgroup=true",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={log}",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=2",
            "",
        ]
    )


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def startable(programs: Sequence[Program], started: set[str], ready: set[str]) -> list[Program]:
    """Programs that may start now: not started yet, and what they come after is ready (or not ours to wait for)."""
    known = {program.name for program in programs}
    return [p for p in programs if p.name not in started and all(a in ready or a not in known for a in p.after)]


def client() -> Any:
    """A connection to supervisord's interface; raises OSError on use when it does not run."""
    transport = SupervisorTransport(None, None, f"unix://{SOCKET}")
    return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor


def running() -> bool:
    """Whether supervisord answers."""
    with _lock, contextlib.suppress(OSError, xmlrpc.client.Error):
        return bool(client().getState()["statename"] == "RUNNING")
    return False


def states() -> dict[str, dict[str, Any]]:
    """What supervisord knows of each program, by name; empty when it does not run."""
    with _lock, contextlib.suppress(OSError, xmlrpc.client.Error):
        return {info["name"]: info for info in client().getAllProcessInfo()}
    return {}


def up() -> bool:
    """Start supervisord in the fabric unless it runs; True when it was started."""
    if running():
        return False
    for folder in (FOLDER / "programs", settings.LOGS, settings.RUN):
        folder.mkdir(parents=True, exist_ok=True)
    FOLDER.chmod(0o700)
    for old in (FOLDER / "programs").glob("*.conf"):
        old.unlink()
    SOCKET.unlink(missing_ok=True)
    CONFIGURATION.write_text(render_daemon(), encoding="utf-8")
    daemon = Path(sys.executable).parent / "supervisord"
    environment = {**os.environ, settings.PROCESS_MARK: "1"}
    run([*fabric.INSIDE, sys.executable, daemon, "-c", CONFIGURATION], environment=environment)
    _wait(running, 15, "supervisord does not answer")
    return True


def down() -> None:
    """Stop all programs and supervisord; survivors are for lab.processes."""
    if not running():
        return
    with _lock, contextlib.suppress(OSError, xmlrpc.client.Error):
        client().shutdown()
    with contextlib.suppress(NotReadyError):
        _wait(lambda: not running(), STOP_SECONDS + 5, "supervisord does not end")


def start(programs: Sequence[Program], tell: Callable[[str], None] = lambda text: None) -> list[str]:
    """Bring ``programs`` up in the order of their ``after`` and wait until all are ready.

    Returns the names of those that had to be started. Raises NotReadyError with the end of the log of the first
    program that gives up or is not ready in time.
    """
    fresh: list[str] = []
    started: dict[str, float] = {}
    ready: set[str] = set()
    while len(ready) < len(programs):
        able = startable(programs, set(started), ready)
        fresh += _configure(able)
        for program in able:
            if _start(program.name):
                fresh.append(program.name)
            started[program.name] = time.monotonic()
        waiting = [program for program in programs if program.name in started and program.name not in ready]
        for program, serves in zip(waiting, _ask(waiting), strict=True):
            waited = time.monotonic() - started[program.name]
            if not serves:
                _check_alive(program, waited)
                continue
            ready.add(program.name)
            if program.name in fresh:
                tell(f"{program.name} is up after {waited:.0f} s")
        time.sleep(0.1)
    return sorted(set(fresh))


def stop(names: Sequence[str]) -> None:
    """Stop programs that may be unknown or stopped already."""
    for name in names:
        with _lock, contextlib.suppress(OSError, xmlrpc.client.Fault):
            client().stopProcess(name)


def log_tail(name: str, lines: int = 25) -> str:
    """The last lines of a program's log."""
    path = settings.LOGS / f"{name}.log"
    if not path.exists():
        return f"(no log at {path})"
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 32768))
        return "\n".join(stream.read().decode("utf-8", "replace").splitlines()[-lines:])


def _ask(programs: Sequence[Program]) -> list[bool]:
    """Whether each serves, asked all at once: one that is still loading answers only by running into its time limit."""
    with ThreadPoolExecutor(max(1, len(programs))) as pool:
        return list(pool.map(serves, programs))


def serves(program: Program) -> bool:
    """Whether a program serves now."""
    try:
        return program.ready()
    except (OSError, ValueError):
        return False


def _check_alive(program: Program, waited: float) -> None:
    state = states().get(program.name, {}).get("statename", "UNKNOWN")
    if state in GIVEN_UP and waited > 2:
        raise NotReadyError(f"{program.name} does not run ({state}):\n{log_tail(program.name)}")
    if waited > program.deadline:
        raise NotReadyError(f"{program.name} is not ready after {waited:.0f} s:\n{log_tail(program.name)}")


def _configure(programs: Sequence[Program]) -> list[str]:
    """Give supervisord the programs that it does not know like this; those that ran otherwise stop, all at once."""
    with _lock:
        known = states()
        changed = []
        for program in programs:
            path, text = FOLDER / "programs" / f"{program.name}.conf", render_program(program)
            if not (path.exists() and path.read_text(encoding="utf-8") == text and program.name in known):
                path.touch(0o600)
                path.write_text(text, encoding="utf-8")
                changed.append(program.name)
        if not changed:
            return []
        _remove([name for name in changed if name in known])
        api = client()
        api.reloadConfig()
        for name in changed:
            api.addProcessGroup(name)
    return changed


def _remove(names: Sequence[str]) -> None:
    def stopped() -> bool:
        running = [name for name, info in states().items() if name in names and info["statename"] not in RESTING]
        for name in running:
            with contextlib.suppress(xmlrpc.client.Fault):
                client().stopProcess(name, False)
        return not running

    _wait(stopped, STOP_SECONDS + 10, f"{', '.join(names)}: not all of them stop")
    for name in names:
        client().removeProcessGroup(name)


def _start(name: str) -> bool:
    with _lock:
        if states()[name]["statename"] in {"RUNNING", "STARTING", "BACKOFF"}:
            return False
        client().startProcess(name, False)
    return True


def _wait(predicate: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not predicate():
        if time.monotonic() > deadline:
            raise NotReadyError(otherwise)
        time.sleep(0.1)
