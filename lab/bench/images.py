"""Gives both sides the same images before the clock starts: pulled once, through the lab's registry, into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from lab import settings
from lab.bench import guests

LOCK = settings.REPOSITORY / "roles" / "artifact" / "files" / "lock.yml"


def locked(path: Path = LOCK) -> dict[str, dict[str, Any]]:
    """The lock's artifacts by name."""
    return dict(yaml.safe_load(path.read_text(encoding="utf-8"))["artifacts"])


def version(artifact: dict[str, Any], kubernetes: str) -> str:
    """The version of an artifact that goes with a version of Kubernetes."""
    chosen = artifact.get("kubernetes", {})
    if kubernetes in chosen:
        return str(chosen[kubernetes])
    return kubernetes if kubernetes in artifact["versions"] else str(artifact["versions"][0])


def addresses(artifacts: dict[str, dict[str, Any]], kubernetes: str, kind: str) -> dict[str, str]:
    """{name: upstream address} of all artifacts of a kind (``file`` or ``image``) for a version of Kubernetes."""
    return {
        name: artifact["address"].format(version=version(artifact, kubernetes))
        for name, artifact in artifacts.items()
        if artifact["kind"] == kind
    }


def default_kubernetes(artifacts: dict[str, dict[str, Any]]) -> str:
    """The default version of Kubernetes."""
    return str(artifacts["kubelet"]["versions"][0])


def registry_file(base: str, registry: str) -> str:
    """containerd's hosts.toml that leads a registry's images through the mirror at ``base``."""
    mirror = f"{base}/v2/{registry}"
    return f'server = "{mirror}"\n[host."{mirror}"]\n  capabilities = ["pull", "resolve"]\n  override_path = true\n'


def write_registry_files(base: str, references: list[str], folder: str) -> str:
    """Bash that writes one hosts.toml for every registry of these images below ``folder``."""
    registries = sorted({reference.partition("/")[0] for reference in references})
    return "\n".join(
        f"mkdir -p {folder}/{registry}\ncat >{folder}/{registry}/hosts.toml <<'END'\n{registry_file(base, registry)}END"
        for registry in registries
    )


def preload(folder: Path, base: str, references: list[str]) -> None:
    """Pull the images in a guest of their own and keep what its containerd holds for all later guests."""
    guests.forget_images()
    guests.boot(guests.TEMPLATE, images=None)
    script = f"""
{write_registry_files(base, references, "/run/bench-hosts")}
systemctl start containerd
printf '%s\\n' {" ".join(references)} |
    xargs -P 4 -I REF ctr -n k8s.io images pull --hosts-dir /run/bench-hosts REF >/dev/null
systemctl stop containerd
"""
    shell = guests.Shell(folder)
    try:
        shell.run(guests.TEMPLATE, script)
    finally:
        shell.close()
    guests.keep_images(guests.TEMPLATE)
