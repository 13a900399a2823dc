# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lock and the digest files say of an artifact: pure functions, shared by lookup, mirror and tests.

A lock is the document in roles/artifact/files/lock.yml. A digest file is
``{made_by: command, digests: {address: sha256:…}}``, keyed by the artifact's upstream address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
UPSTREAM_MIRRORS = ("", "https:", "https:/", "https://")
"""Values of ``artifact_mirror`` that mean: no mirror, the upstream hosts themselves."""


class ArtifactError(ValueError):
    """The lock or a digest file cannot answer; the message says what was asked, what there is, and the remedy."""


@dataclass(frozen=True)
class Artifact:
    """One artifact at one version. ``address`` is a URL for a file and ``registry/repository:tag`` for an image."""

    name: str
    kind: str
    version: str
    address: str
    checksum: str = ""

    @property
    def is_image(self) -> bool:
        """Whether it is pulled from a registry."""
        return self.kind == "image"

    @property
    def repository(self) -> str:
        """Of an image: ``registry/repository`` without the tag."""
        return self.address.rpartition(":")[0]

    @property
    def tag(self) -> str:
        """Of an image: the tag."""
        return self.address.rpartition(":")[2]


def names(lock: Mapping[str, Any]) -> list[str]:
    """Names of all artifacts in the order of the lock."""
    return list(lock["artifacts"])


def artifacts(lock: Mapping[str, Any], others: bool = True) -> list[Artifact]:
    """Every artifact at its default version, in the order of the lock, then at the ``others``, if these are wanted."""
    found = []
    longest = max((len(entry["versions"]) for entry in lock["artifacts"].values()), default=0)
    for place in range(longest if others else min(longest, 1)):
        for name, entry in lock["artifacts"].items():
            if place < len(entry["versions"]):
                found.append(find(lock, name, str(entry["versions"][place])))
    return found


def find(lock: Mapping[str, Any], name: str, version: str = "", kubernetes: str = "") -> Artifact:
    """The artifact ``name`` at ``version``, or at the one that goes with a ``kubernetes`` version, or at its default.

    A leading v of a version is ignored. Raises ArtifactError for a name or version that the lock has not got.
    """
    entry = lock["artifacts"].get(name)
    if entry is None:
        raise ArtifactError(f"the lock has no artifact {name!r}; it has: {', '.join(sorted(lock['artifacts']))}")
    versions = [str(item) for item in entry["versions"]]
    wanted = version.removeprefix("v") if version else _that_goes_with(name, entry, kubernetes) or versions[0]
    if wanted not in versions:
        raise ArtifactError(
            f"the lock has no version {wanted!r} of {name}; it has: {', '.join(versions)}."
            " Choose one of these, or add the version to roles/artifact/files/lock.yml and run `make lock-upstream`"
            " (for the lab: `make mirror`)"
        )
    checksum = entry.get("checksum", "").replace("{version}", wanted)
    return Artifact(name, entry["kind"], wanted, entry["address"].replace("{version}", wanted), checksum)


def _that_goes_with(name: str, entry: Mapping[str, Any], kubernetes: str) -> str:
    if not kubernetes:
        return ""
    release = kubernetes.removeprefix("v")
    known = {str(key): str(value) for key, value in entry.get("kubernetes", {}).items()}
    if known and release not in known:
        raise ArtifactError(
            f"the lock does not say which {name} goes with Kubernetes {release}; it knows: {', '.join(known)}"
        )
    if known:
        return known[release]
    return release if release in [str(item) for item in entry["versions"]] else ""


def file_url(mirror: str, address: str) -> str:
    """Where to download the file with this upstream address: ``<mirror>/<upstream host>/<upstream path>``."""
    if mirror in UPSTREAM_MIRRORS:
        return address
    return f"{mirror.rstrip('/')}/{address.partition('://')[2]}"


def digest_of(artifact: Artifact, digests: Mapping[str, Any], source: str, remedy: str) -> str:
    """The recorded ``sha256:…`` of an artifact.

    ``source`` is the digest file's name and ``remedy`` the command that writes it, both for the message of the
    ArtifactError raised when the digest is missing or malformed.
    """
    digest = str((digests.get("digests") or {}).get(artifact.address, ""))
    if not digest:
        raise ArtifactError(
            f"{source} has no digest of {artifact.name} {artifact.version} ({artifact.address}). Remedy: {remedy}"
        )
    if not DIGEST.fullmatch(digest):
        raise ArtifactError(
            f"{source} has {digest!r} as the digest of {artifact.name} {artifact.version}, which is not sha256: and 64"
            f" hexadecimal digits. Remedy: {remedy}"
        )
    return digest


def describe(artifact: Artifact, digest: str, mirror: str) -> dict[str, str]:
    """What a role needs to get the artifact: see RETURN of the lookup ``ai_infn.platform.artifact``."""
    common = {"name": artifact.name, "kind": artifact.kind, "version": artifact.version}
    if not artifact.is_image:
        return {**common, "url": file_url(mirror, artifact.address), "checksum": digest, "upstream": artifact.address}
    return {
        **common,
        "image": artifact.address,
        "digest": digest,
        "pinned": f"{artifact.repository}@{digest}",
        "repository": artifact.repository,
        "tag": artifact.tag,
    }
