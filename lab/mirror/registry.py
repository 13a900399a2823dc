"""The storage of an OCI registry (distribution's file system driver), written directly, and its configuration.

Layout: ``docker/registry/v2/blobs/sha256/<2 digits>/<digest>/data`` holds contents; below ``repositories/<name>`` links
(files holding a digest) say which layers, manifests and tags the repository has.
Source: https://github.com/distribution/distribution (registry/storage/paths.go).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.mirror.store import Store, link_or_copy

ROOT = Path("docker/registry/v2")


@dataclass(frozen=True)
class Image:
    """An image to serve: its upstream address ``host/name:tag`` and the digests of its parts."""

    address: str
    digest: str
    config: str
    layers: Sequence[str]

    @property
    def repository(self) -> str:
        """The repository's name in this registry: the address without the tag."""
        return self.address.rpartition(":")[0]

    @property
    def tag(self) -> str:
        """The tag."""
        return self.address.rpartition(":")[2]


def links(image: Image) -> dict[Path, str]:
    """Path in the registry's storage -> digest to write there, for one image."""
    repository = ROOT / "repositories" / image.repository
    value = image.digest.partition(":")[2]
    tag = repository / "_manifests" / "tags" / image.tag
    found = {
        repository / "_manifests" / "revisions" / "sha256" / value / "link": image.digest,
        tag / "index" / "sha256" / value / "link": image.digest,
        tag / "current" / "link": image.digest,
    }
    for digest in (image.config, *image.layers):
        found[repository / "_layers" / "sha256" / digest.partition(":")[2] / "link"] = digest
    return found


def blob_path(digest: str) -> Path:
    """Path of a content in the registry's storage."""
    value = digest.partition(":")[2]
    return ROOT / "blobs" / "sha256" / value[:2] / value / "data"


def write_image(storage: Path, store: Store, image: Image) -> None:
    """Lay an image into a registry's storage; the tag comes last, so a running registry never serves half of it."""
    for digest in (image.digest, image.config, *image.layers):
        target = storage / blob_path(digest)
        if not target.exists():
            link_or_copy(store.blob(digest), target)
    for path, digest in links(image).items():
        target = storage / path
        if not target.exists() or target.read_text() != digest:
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_name("link.new")
            fresh.write_text(digest)
            fresh.replace(target)


def configuration(storage: Path, address: str, port: int) -> dict[str, object]:
    """Configuration of a read-only registry over ``storage``."""
    return {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(storage)},
            "cache": {"blobdescriptor": "inmemory"},
            "maintenance": {"readonly": {"enabled": True}, "uploadpurging": {"enabled": False}},
        },
        "http": {"addr": f"{address}:{port}"},
    }
