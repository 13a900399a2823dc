"""What the lab supervises: a program is a command line that says when it is ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab import settings


@dataclass(frozen=True)
class Program:
    """A long-running process of the lab, run inside the fabric's network namespace.

    ``ready`` answers at once whether the program serves; the supervisor polls it against ``deadline`` (seconds).
    """

    name: str
    command: Sequence[str]
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path = settings.STATE
    after: Sequence[str] = ()
    deadline: float = 60.0
