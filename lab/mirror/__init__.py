"""The artifact mirror of the lab: what the roles download and the pods run, made on this machine and served on it.

``ensure`` makes what is missing, ``publish`` lays it out below the lab's state, ``programs`` are the servers to
supervise.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from lab import settings
from lab.mirror import serve
from lab.mirror.build import Builder, prune, run_ahead
from lab.mirror.debian import need_commands
from lab.mirror.golang import Go
from lab.mirror.recipes import Recipe, missing_folders, programs_of, recipe
from lab.mirror.store import Store
from lab.programs import Program
from plugins.module_utils.artifacts import Artifact, artifacts

LOCK = settings.REPOSITORY / "roles" / "artifact" / "files" / "lock.yml"
CACHE = settings.CACHE / "mirror"
PUBLISHED = settings.MIRROR_DIGESTS.parent
BUILD_COMMANDS = {"mmdebstrap": "mmdebstrap", "gcc": "gcc libc6-dev", "npm": "npm"}
SERVE_COMMANDS = {"nginx": "nginx-light", "docker-registry": "docker-registry"}
KEEP_CACHES = "AI_INFN_KEEP_BUILD_CACHES"
"""Environment variable: if set, the compiler's caches stay when everything has been made (several GB)."""

Say = Callable[[str], None]


def locked(others: bool = True) -> list[Artifact]:
    """All artifacts in the order of building: the default versions first, then the ``others``, if these are wanted."""
    return artifacts(yaml.safe_load(LOCK.read_text()), others)


def builder() -> Builder:
    """A builder over the cache."""
    return Builder(Store(CACHE), Go(settings.CACHE / "build"))


def ensure(progress: Say = print, after_each: Callable[[], object] | None = None, others: bool = True) -> None:
    """Make every artifact of the lock that is not in the cache; install what that needs.

    Without ``others`` only at the default versions, which are all that a site asks for unless it declares another.
    Prints a line for every step and every half minute. Interrupted, it resumes with the first artifact that is not
    whole. A second process waits for the first. Artifacts whose source folder in this repository is empty are left out,
    with a line that says so. ``after_each`` is called after every artifact made.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    need_commands(SERVE_COMMANDS, progress)
    with _one_at_a_time(progress):
        makes = builder()
        recipes = [recipe(item) for item in locked(others)]
        for item in recipes:
            for folder in missing_folders(item):
                progress(f"mirror: {item.artifact.name} left out, {folder.relative_to(settings.REPOSITORY)} is empty")
        present = [item for item in recipes if not missing_folders(item)]
        todo = [item for item in present if makes.made(item) is None]
        if todo:
            _make(makes, todo, len(present), progress, after_each)
        serve.write_times(CACHE / "times.json", [(item, makes.made(item) or {}) for item in present])
        if present == recipes and not os.environ.get(KEEP_CACHES):
            prune(makes, map(recipe, locked()))
    progress(f"mirror: {len(present)}/{len(recipes)} artifacts ready")


def built_program(name: str, progress: Say = print) -> Path:
    """Path of the program that an artifact of the lock is named for, in its default version; built if it was not."""
    makes = builder()
    programs = programs_of(recipe(next(artifact for artifact in locked() if artifact.name == name)))
    item = next(program for program in programs if program.name == name)
    if makes.store.made(makes.program_entry(item)) is None:
        CACHE.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(progress):
            makes.program(item)
    return makes.program(item)


def _make(
    makes: Builder, todo: list[Recipe], total: int, progress: Say, after_each: Callable[[], object] | None
) -> None:
    need_commands(BUILD_COMMANDS, progress)
    run_ahead(makes, todo)
    for number, item in enumerate(todo, start=total - len(todo) + 1):
        title = f"mirror: {number}/{total} {item.artifact.name} {item.artifact.version}"
        with _ticking(title, progress):
            makes.make(item)
        if after_each:
            after_each()


@contextmanager
def _one_at_a_time(progress: Say) -> Iterator[None]:
    with (CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("mirror: waiting for another build on this machine")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def duration(seconds: float) -> str:
    """2m10s, or 45s below a minute."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


@contextmanager
def _ticking(title: str, progress: Say) -> Iterator[None]:
    began, done = time.monotonic(), threading.Event()

    def tick() -> None:
        while not done.wait(30):
            progress(f"{title} building ({duration(time.monotonic() - began)})")

    progress(f"{title} building")
    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
    progress(f"{title} made in {duration(time.monotonic() - began)}")


def publish(folder: Path = PUBLISHED) -> dict[str, str]:
    """Lay out everything that has been made so far; return upstream address -> digest. Repeatable at any time."""
    makes = builder()
    found: list[tuple[Recipe, Path, dict[str, Any]]] = []
    for item in map(recipe, locked()):
        record = makes.made(item)
        if record:
            found.append((item, makes.entry(item), record))
    return serve.lay_out(folder, makes.store, found)


def programs(folder: Path = PUBLISHED, address: str = settings.FABRIC_ADDRESS) -> list[Program]:
    """The file server and the registry, to be run where ``address`` is."""
    return serve.server_programs(folder, address, settings.ARTIFACT_PORT, settings.REGISTRY_PORT)
