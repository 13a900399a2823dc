"""Makes the artifacts: each once, in the order of the lock, with downloads running ahead of the compiler."""

from __future__ import annotations

import resource
import shutil
import tarfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lab.mirror import debian, oci
from lab.mirror.debian import DebianLayer
from lab.mirror.golang import Go, GoProgram
from lab.mirror.libraries import LibraryLayer
from lab.mirror.recipes import PYTHON, Base, FileRecipe, ImageRecipe, PackageRecipe, Program, Recipe, programs_of
from lab.mirror.store import Store, sha256_of

GO_CACHES = ("gocache", "gomodcache", "wrappers")
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def kind_of(item: Recipe) -> str:
    """Folder of the cache for made artifacts of this kind."""
    return "images" if isinstance(item, ImageRecipe) else "files"


class Builder:
    """Makes what is asked for and is not in the store; safe for several threads."""

    def __init__(self, store: Store, go: Go) -> None:
        self.store = store
        self.go = go
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)

    def entry(self, item: Recipe) -> Path:
        """Where the made artifact is, or would be."""
        return self.store.entry(kind_of(item), f"{item.artifact.name}-{item.artifact.version}", item.key)

    def program_entry(self, item: Program) -> Path:
        """Where the built program is, or would be."""
        return self.store.entry("programs", f"{item.name}-{item.version}", item.key)

    def layer_entry(self, layer: Base) -> Path:
        """Where the record of the layer is, or would be."""
        return self.store.entry("layers", layer.name, layer.key)

    def made(self, item: Recipe) -> dict[str, Any] | None:
        """What is recorded of the artifact, or None if it has not been made."""
        return self.store.made(self.entry(item))

    def _once(self, entry: Path, make: Callable[[Path, dict[str, Any]], None]) -> Path:
        with self._locks[str(entry)]:
            if self.store.made(entry) is None:
                began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
                with self.store.making(entry) as (folder, record):
                    make(folder, record)
                    now = resource.getrusage(resource.RUSAGE_CHILDREN)
                    record["seconds"] = round(time.monotonic() - began, 1)
                    record["processor_seconds"] = round(now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, 1)
        return entry

    def program(self, item: Program) -> Path:
        """Path of the built program."""

        def make(folder: Path, record: dict[str, Any]) -> None:
            target = folder / item.name
            if isinstance(item, GoProgram):
                self.go.build(item, target)
            else:
                item.build(self.go.source(item.module), target)
            record["size"] = target.stat().st_size

        return self._once(self.program_entry(item), make) / item.name

    def root(self, layer: DebianLayer) -> Path:
        """Path of the tar file of the root file system with the packages of ``layer``."""

        def make(folder: Path, record: dict[str, Any]) -> None:
            debian.make_root(layer, folder / "root.tar")

        return self._once(self.store.entry("roots", layer.name, layer.key), make) / "root.tar"

    def layer(self, layer: Base) -> list[oci.Layer]:
        """The layer of ``layer`` and those below it, lowest first."""

        def make(folder: Path, record: dict[str, Any]) -> None:
            if isinstance(layer, LibraryLayer):
                scratch = folder / "scratch"
                oci.write_layer(folder / "layer.tar", layer.files(scratch, lambda: self.root(layer.below)))
                shutil.rmtree(scratch)
            else:
                below = self.root(layer.below) if layer.below else None
                debian.make_layer(self.root(layer), below, folder / "layer.tar")
            record["digest"] = self.store.add_blob_file(folder / "layer.tar")
            record["size"] = (folder / "layer.tar").stat().st_size
            (folder / "layer.tar").unlink()

        entry = self._once(self.layer_entry(layer), make)
        record = self.store.made(entry) or {}
        return [*(self.layer(layer.below) if layer.below else []), oci.Layer(record["digest"], record["size"])]

    def certificates(self) -> Path:
        """Path of Debian's bundle of certificate authorities, for the images that have no packages."""

        def make(folder: Path, record: dict[str, Any]) -> None:
            (folder / "bundle.crt").write_bytes(debian.ca_bundle(self.root(PYTHON.below or PYTHON)))

        return self._once(self.store.entry("certificates", "bundle", (PYTHON.below or PYTHON).key), make) / "bundle.crt"

    def make(self, item: Recipe) -> dict[str, Any]:
        """Make the artifact if it is not there, and return its record."""

        def body(folder: Path, record: dict[str, Any]) -> None:
            if isinstance(item, ImageRecipe):
                self._image(item, folder, record)
            else:
                self._file(item, folder, record)

        entry = self._once(self.entry(item), body)
        return self.store.made(entry) or {}

    def _file(self, item: FileRecipe | PackageRecipe, folder: Path, record: dict[str, Any]) -> None:
        target = folder / item.artifact.address.rpartition("/")[2]
        programs = {program.name: self.program(program) for program in item.programs}
        if isinstance(item, PackageRecipe):
            debian.make_package(item.package, item.artifact.version, programs, target)
        elif item.archive:
            plain = folder / "plain.tar"
            files = [oci.LayerFile(f"/{item.prefix}{name}", source=path, mode=0o755) for name, path in programs.items()]
            oci.write_layer(plain, files)
            oci.compress(plain, target)
            plain.unlink()
        else:
            (path,) = programs.values()
            target.hardlink_to(path)
        record["file"] = target.name
        record["digest"] = sha256_of(target)
        record["size"] = target.stat().st_size

    def _image(self, item: ImageRecipe, folder: Path, record: dict[str, Any]) -> None:
        programs = {path: self.program(program) for path, program in item.programs.items()}
        files = [oci.LayerFile(path, source=source, mode=0o755) for path, source in programs.items()]
        for path, source in item.folders.items():
            files += oci.folder_files(source, path)
        if not item.base:
            files += [
                oci.LayerFile(CERTIFICATES, source=self.certificates()),
                oci.LayerFile("/tmp", mode=0o1777, folder=True),  # noqa: S108
            ]
        layers = self.layer(item.base) if item.base else []
        if files:
            oci.write_layer(folder / "layer.tar", files)
            size = (folder / "layer.tar").stat().st_size
            layers.append(oci.Layer(self.store.add_blob_file(folder / "layer.tar"), size))
            (folder / "layer.tar").unlink()
        labels = {"org.opencontainers.image.version": item.artifact.version}
        config = oci.image_config(item.settings, layers, labels)
        config_layer = oci.Layer(self.store.add_blob(config), len(config))
        manifest = oci.manifest(config_layer, layers)
        record["digest"] = self.store.add_blob(manifest)
        record["config"] = config_layer.digest
        record["layers"] = [layer.digest for layer in layers]
        record["size"] = sum(layer.size for layer in layers)


def run_ahead(builder: Builder, items: list[Recipe]) -> threading.Thread:
    """Start, in the background, what waits for the network: the Debian layers and the modules of the programs to come.

    Its failures are left to the build itself, which meets them again and reports them.
    """

    def body() -> None:
        steps: list[Callable[[], object]] = []
        for item in items:
            if isinstance(item, ImageRecipe) and item.base:
                steps.append(lambda base=item.base: builder.layer(base))  # type: ignore[misc]
        for item in items:
            one_each = {program.module: program for program in programs_of(item)}
            for program in one_each.values():
                if isinstance(program, GoProgram):
                    steps.append(lambda program=program: builder.go.fetch(program))  # type: ignore[misc]
        for step in steps:
            try:
                step()
            except (RuntimeError, OSError, tarfile.TarError):
                continue

    thread = threading.Thread(target=body, name="mirror-ahead", daemon=True)
    thread.start()
    return thread


def remove(folder: Path) -> None:
    """Remove a folder so that an interruption leaves it whole or gone: half a module cache would break later builds."""
    doomed = folder.with_name(folder.name + ".removed")
    if doomed.exists():
        shutil.rmtree(doomed)
    if folder.exists():
        folder.rename(doomed)
        shutil.rmtree(doomed)


def in_use(builder: Builder, items: Iterable[Recipe]) -> tuple[set[Path], set[str]]:
    """Entries of the store and digests of blobs that the artifacts ``items`` are or stand on."""
    entries: set[Path] = set()
    blobs: set[str] = set()
    for item in items:
        record = builder.made(item) or {}
        entries |= {builder.entry(item), *(builder.program_entry(program) for program in programs_of(item))}
        if isinstance(item, ImageRecipe):
            blobs |= {record.get("digest", ""), record.get("config", ""), *record.get("layers", [])}
            layer: Base | None = item.base
            while layer:
                entries.add(builder.layer_entry(layer))
                layer = layer.below
    return entries, blobs


def prune(builder: Builder, items: Iterable[Recipe]) -> None:
    """When all that was wanted of the lock is there: remove caches, root file systems and what belongs to old locks."""
    root = builder.store.root
    for folder in (*(builder.go.root / name for name in GO_CACHES), root / "roots"):
        remove(folder)
    entries, blobs = in_use(builder, items)
    for kind in ("files", "images", "programs", "layers"):
        for entry in (root / kind).glob("*"):
            if entry not in entries:
                remove(entry)
    for blob in (root / "blobs").glob("*/*"):
        if f"{blob.parent.name}:{blob.name}" not in blobs:
            blob.unlink()
