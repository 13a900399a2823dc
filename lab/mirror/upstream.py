"""Records the digests that the upstream projects publish: the ``make lock-upstream`` command.

It needs a machine that reaches the upstream hosts. The lab's machine does not, so what is proven here are the parsers,
on answers as these hosts give them; the command as a whole is unproven until it has run on a connected machine.
Sources: https://github.com/opencontainers/distribution-spec (manifests),
https://distribution.github.io/distribution/spec/auth/token (tokens).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests
import yaml

from plugins.module_utils.artifacts import DIGEST, Artifact, ArtifactError

COMMAND = "make lock-upstream"
MANIFESTS = ", ".join(
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
)
TIMEOUT = 30


def published_checksum(text: str, file_name: str) -> str:
    """The ``sha256:…`` of ``file_name`` in what is published.

    That is a bare digest, lines ``<digest>  <name>``, or the paragraphs of a Debian archive's ``Packages``.
    """
    bare = text.split()
    if len(bare) == 1 and re.fullmatch(r"[0-9a-fA-F]{64}", bare[0]):
        return f"sha256:{bare[0].lower()}"
    for line in text.splitlines():
        found = re.fullmatch(r"([0-9a-fA-F]{64})\s+\*?(\S+)", line.strip())
        if found and found[2].removeprefix("./") == file_name:
            return f"sha256:{found[1].lower()}"
    for paragraph in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line)
        digest = fields.get("SHA256", "")
        if fields.get("Filename", "").rpartition("/")[2] == file_name and re.fullmatch(r"[0-9a-f]{64}", digest):
            return f"sha256:{digest}"
    raise ArtifactError(f"the published checksums do not name {file_name}")


def bearer_challenge(header: str) -> dict[str, str]:
    """realm, service and scope of a ``WWW-Authenticate: Bearer …`` header; empty if it asks for anything else."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != "bearer":
        return {}
    return dict(re.findall(r'(\w+)="([^"]*)"', rest))


def manifest_url(artifact: Artifact) -> str:
    """Address of an image's manifest (of its index, if it has several platforms) at its upstream registry."""
    host, _, repository = artifact.repository.partition("/")
    return f"https://{host}/v2/{repository}/manifests/{artifact.tag}"


def header_digest(artifact: Artifact, headers: Mapping[str, str]) -> str:
    """The digest that the registry says the manifest has."""
    digest = headers.get("Docker-Content-Digest", "")
    if not DIGEST.fullmatch(digest):
        raise ArtifactError(f"{manifest_url(artifact)} answers without a usable Docker-Content-Digest ({digest!r})")
    return digest


class Upstream:
    """Asks the upstream hosts."""

    def __init__(self, session: requests.Session | None = None) -> None:
        self.session = session or requests.Session()

    def digest(self, artifact: Artifact) -> str:
        """The published digest; ArtifactError or requests' own errors if there is none."""
        return self._image(artifact) if artifact.is_image else self._file(artifact)

    def _file(self, artifact: Artifact) -> str:
        if not artifact.checksum:
            return self._download(artifact.address)
        answer = self.session.get(artifact.checksum, timeout=TIMEOUT)
        answer.raise_for_status()
        return published_checksum(answer.text, artifact.address.rpartition("/")[2])

    def _download(self, address: str) -> str:
        """The digest of what is downloaded now: all that there is of a project that publishes none."""
        digest = hashlib.sha256()
        with self.session.get(address, timeout=TIMEOUT, stream=True) as answer:
            answer.raise_for_status()
            for part in answer.iter_content(1 << 20):
                digest.update(part)
        return f"sha256:{digest.hexdigest()}"

    def _image(self, artifact: Artifact) -> str:
        url, headers = manifest_url(artifact), {"Accept": MANIFESTS}
        answer = self.session.head(url, headers=headers, timeout=TIMEOUT, allow_redirects=True)
        challenge = bearer_challenge(answer.headers.get("WWW-Authenticate", ""))
        if answer.status_code == requests.codes.unauthorized and challenge:
            query = {name: value for name, value in challenge.items() if name in ("service", "scope")}
            token = self.session.get(challenge["realm"], params=query, timeout=TIMEOUT)
            token.raise_for_status()
            said = token.json()
            headers["Authorization"] = f"Bearer {said.get('token') or said.get('access_token')}"
            answer = self.session.head(url, headers=headers, timeout=TIMEOUT, allow_redirects=True)
        answer.raise_for_status()
        return header_digest(artifact, answer.headers)


def merge(
    old: Mapping[str, str], new: Mapping[str, str], wanted: list[str], accept_changed: bool
) -> tuple[dict[str, str], list[str]]:
    """The digests to record, and complaints: a release whose digest changed keeps the recorded one unless accepted."""
    merged, complaints = {}, []
    for address in wanted:
        before, now = old.get(address, ""), new.get(address, "")
        if before and now and before != now and not accept_changed:
            complaints.append(
                f"{address}: published as {now}, recorded as {before}. A release does not change; find out why, then"
                " accept it with --accept-changed"
            )
        kept = before if complaints and complaints[-1].startswith(f"{address}:") else now or before
        if kept:
            merged[address] = kept
    return merged, complaints


def record(
    items: list[Artifact], target: Path, ask: Callable[[Artifact], str], accept_changed: bool = False
) -> list[str]:
    """Ask for every artifact's digest, write ``target``, and return what went wrong, one line each."""
    before: dict[str, Any] = (yaml.safe_load(target.read_text()) or {}) if target.exists() else {}
    found: dict[str, str] = {}
    failures = []
    for item in items:
        try:
            found[item.address] = ask(item)
        except (ArtifactError, requests.RequestException) as error:
            failures.append(f"{item.address}: {error}")
    merged, complaints = merge(before.get("digests") or {}, found, [item.address for item in items], accept_changed)
    if merged:
        text = f"---\n# Written by `{COMMAND}` from what the upstream projects publish. Nobody edits it by hand.\n"
        target.write_text(text + yaml.safe_dump({"made_by": COMMAND, "digests": merged}, width=200))
    return failures + complaints
