"""What the site says of its hub, read from one JSON document and from files with secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Offered:
    """What may be chosen for a session; ``groups`` are those whose members may, none is everybody."""

    name: str
    title: str
    groups: frozenset[str] = field(default=frozenset(), kw_only=True)


@dataclass(frozen=True)
class Image(Offered):
    """An image that a session may run."""

    image: str


@dataclass(frozen=True)
class Size(Offered):
    """CPU and memory of a session; ``cpu_request`` of the CPUs are its own, the others it has while they are idle."""

    cpu: float
    cpu_request: float
    memory_gib: float


@dataclass(frozen=True)
class Gpu(Offered):
    """A kind of GPU: a resource on nodes with certain labels."""

    resource: str
    node_labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Provider:
    """The identity provider: where it is asked, and as whom."""

    issuer: str
    authorize_url: str
    token_url: str
    userinfo_url: str
    keys_url: str
    client_id: str
    scope: tuple[str, ...]
    groups_claim: str
    name_claim: str


@dataclass(frozen=True)
class Settings:
    """All of it."""

    site: str
    url: str
    provider: Provider
    database: str
    """Of the hub, as SQLAlchemy addresses it."""
    identity: str
    """Of the numbers, as libpq addresses it."""
    images: tuple[Image, ...]
    sizes: tuple[Size, ...]
    gpus: tuple[Gpu, ...]
    group_gpus: Mapping[str, int]
    """How many GPUs sessions of a group may hold together, for groups that have a limit."""
    allowed_groups: frozenset[str]
    """Whose members may log in; none is everybody."""
    admin_groups: frozenset[str]
    queue: str
    """Name of the queue that sessions wait in, "" for none."""
    priority_class: str
    proxy_api: str
    secrets: Path


def read(path: Path) -> Settings:
    """Return the settings in a file. Raises KeyError and ValueError for one that the role did not write."""
    told = json.loads(path.read_text(encoding="utf-8"))
    provider = told["provider"]
    return Settings(
        **{
            name: told[name] for name in ("site", "url", "database", "identity", "queue", "priority_class", "proxy_api")
        },
        provider=Provider(**{**provider, "scope": tuple(provider["scope"])}),
        images=tuple(Image(**_grouped(one)) for one in told["images"]),
        sizes=tuple(Size(**_grouped(one)) for one in told["sizes"]),
        gpus=tuple(Gpu(**_grouped(one)) for one in told["gpus"]),
        group_gpus={name: int(number) for name, number in told["group_gpus"].items()},
        allowed_groups=frozenset(told["allowed_groups"]),
        admin_groups=frozenset(told["admin_groups"]),
        secrets=Path(told["secrets"]),
    )


def secret(settings: Settings, name: str) -> str:
    """Return a secret from its file."""
    return (settings.secrets / name).read_text(encoding="utf-8").strip()


def _grouped(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "groups": frozenset(entry.get("groups", ()))}
