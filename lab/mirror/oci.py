"""OCI images written without a container daemon: layers, configurations and manifests of the image specification.

Everything is reproducible: entries sorted, owned by root, dated 1970. Layers stay uncompressed: the registry is one
virtual cable away, so packing and unpacking would cost more than it saves.
Source: https://github.com/opencontainers/image-spec (layer.md, config.md, manifest.md).
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from lab.mirror.store import is_executable, source_files

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class LayerFile:
    """A file, folder or symbolic link of a layer: absolute ``path``, and its content as a file on disk or as bytes."""

    path: str
    source: Path | None = None
    content: bytes = b""
    mode: int = 0o644
    folder: bool = False
    link: str = ""
    """Of a symbolic link: where it leads."""


@dataclass(frozen=True)
class Layer:
    """A blob and its size in bytes. Uncompressed, so the digest is the diff id as well."""

    digest: str
    size: int


@dataclass(frozen=True)
class Settings:
    """What a container of the image runs, and as whom."""

    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str = "/"


def _member(name: str, kind: bytes, mode: int, size: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.size = kind, mode, size
    member.uname = member.gname = "root"
    return member


def parents(paths: Iterable[str]) -> list[str]:
    """Every folder above ``paths`` (absolute), outermost first, without the root."""
    found = {str(parent) for path in paths for parent in PurePosixPath(path).parents if str(parent) != "/"}
    return sorted(found)


def write_layer(target: Path, files: Sequence[LayerFile]) -> None:
    """Write a layer with ``files`` and the folders above them into the file ``target``."""
    given = {item.path: item for item in files}
    if len(given) != len(files):
        raise ValueError("a path is in the layer twice")
    for folder in parents(given):
        given.setdefault(folder, LayerFile(folder, mode=0o755, folder=True))
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for path, item in sorted(given.items()):
            name = path.lstrip("/")
            if item.folder:
                archive.addfile(_member(name, tarfile.DIRTYPE, item.mode))
            elif item.link:
                member = _member(name, tarfile.SYMTYPE, 0o777)
                member.linkname = item.link
                archive.addfile(member)
            elif item.source:
                with item.source.open("rb") as stream:
                    archive.addfile(_member(name, tarfile.REGTYPE, item.mode, item.source.stat().st_size), stream)
            else:
                archive.addfile(_member(name, tarfile.REGTYPE, item.mode, len(item.content)), io.BytesIO(item.content))


def folder_files(folder: Path, below: str) -> list[LayerFile]:
    """The source files of ``folder`` as files of a layer below the path ``below``."""
    return [
        LayerFile(f"{below}/{path.relative_to(folder)}", path, mode=0o755 if is_executable(path) else 0o644)
        for path in source_files(folder)
    ]


def canonical(document: Mapping[str, Any]) -> bytes:
    """A document as the bytes that its digest is made of."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def image_config(settings: Settings, layers: Sequence[Layer], labels: Mapping[str, str]) -> bytes:
    """The configuration of an image for Linux on amd64."""
    environment = {"PATH": SEARCH_PATH, **settings.environment}
    run: dict[str, Any] = {
        "Env": [f"{name}={value}" for name, value in sorted(environment.items())],
        "WorkingDir": settings.directory,
        "Labels": dict(labels),
    }
    for name, value in (("Entrypoint", settings.entrypoint), ("Cmd", settings.command), ("User", settings.user)):
        if value:
            run[name] = value if isinstance(value, str) else list(value)
    return canonical(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": run,
            "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "lab.mirror"} for _ in layers],
        }
    )


def manifest(config: Layer, layers: Sequence[Layer]) -> bytes:
    """The manifest of an image; its digest is the image's."""
    return canonical(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": config.digest, "size": config.size},
            "layers": [{"mediaType": LAYER, "digest": layer.digest, "size": layer.size} for layer in layers],
        }
    )


def compress(source: Path, target: Path) -> None:
    """Gzip ``source`` into ``target`` without name and date, so that equal contents give equal files."""
    with source.open("rb") as plain, target.open("wb") as out, gzip.GzipFile("", "wb", 5, out, mtime=0) as packed:
        shutil.copyfileobj(plain, packed, 1 << 20)
