"""What a user may choose for a session, and what of it was chosen. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from hub.settings import Gpu, Image, Settings, Size

Entry = TypeVar("Entry", Image, Size, Gpu)
NO_GPU = ""
"""The choice of no GPU."""


class ChoiceError(ValueError):
    """What was asked for cannot be had; the text says why and what can be."""


@dataclass(frozen=True)
class Team:
    """A group of an account: its number, its name, and whether its folder is there."""

    number: int
    name: str
    ready: bool = True


@dataclass(frozen=True)
class Account:
    """Whom the session is for."""

    number: int
    name: str
    teams: tuple[Team, ...] = ()

    @property
    def groups(self) -> frozenset[str]:
        """Names of its groups."""
        return frozenset(team.name for team in self.teams)


@dataclass(frozen=True)
class Choice:
    """A session as it was chosen; ``team`` is whom it is charged to, None for the account itself."""

    image: Image
    size: Size
    gpu: Gpu | None
    team: Team | None


@dataclass(frozen=True)
class Choices:
    """All that an account may choose from."""

    images: tuple[Image, ...]
    sizes: tuple[Size, ...]
    gpus: tuple[Gpu, ...]
    teams: tuple[Team, ...]


def account_of(told: Mapping[str, Any]) -> Account:
    """Return an account from what the database of numbers told of it."""
    teams = tuple(Team(int(one["number"]), str(one["name"]), bool(one["ready"])) for one in told["groups"])
    return Account(int(told["number"]), str(told["name"]), teams)


def choices(settings: Settings, account: Account) -> Choices:
    """Return what an account may choose from: what it may not use is not in it."""
    groups = account.groups
    return Choices(
        _allowed(settings.images, groups),
        _allowed(settings.sizes, groups),
        _allowed(settings.gpus, groups),
        account.teams,
    )


def choose(offered: Choices, asked: Mapping[str, Any]) -> Choice:
    """Return what was asked for: names of ``image``, ``size``, ``gpu`` and ``group``; what is not said is the first.

    Raises ChoiceError for what is not offered.
    """
    wanted = {name: _text(asked.get(name)) for name in ("image", "size", "gpu", "group")}
    team = _named("group", offered.teams, wanted["group"]) if wanted["group"] or offered.teams else None
    gpu = _named("GPU", offered.gpus, wanted["gpu"]) if wanted["gpu"] != NO_GPU else None
    return Choice(
        _named("image", offered.images, wanted["image"]), _named("size", offered.sizes, wanted["size"]), gpu, team
    )


Named = TypeVar("Named", Image, Size, Gpu, Team)


def _named(kind: str, offered: tuple[Named, ...], name: str) -> Named:
    for one in offered:
        if not name or one.name == name:
            return one
    there = ", ".join(one.name for one in offered) or "none"
    raise ChoiceError(f"{kind} {name or 'of any kind'}: your account may not use it. You may use: {there}.")


def _allowed(entries: Iterable[Entry], groups: frozenset[str]) -> tuple[Entry, ...]:
    return tuple(one for one in entries if not one.groups or one.groups & groups)


def _text(value: Any) -> str:
    """Return a field of a form, which comes as a list, or of a JSON document."""
    if isinstance(value, (list, tuple)):
        value = value[0] if value else ""
    return "" if value is None else str(value)
