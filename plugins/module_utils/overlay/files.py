# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What has to be written so that a host's configuration files are as declared."""

from __future__ import annotations

import base64
import os
import re
import stat
from dataclasses import dataclass, replace
from typing import Any

RELOAD = "systemctl daemon-reload"
"""What takes a unit over whose file names no command of its own."""


@dataclass(frozen=True)
class Wanted:
    """One file as declared; ``content`` None means that there shall be none.

    With ``line`` the file is somebody else's and only has to hold that line, after the first that ``after`` matches.
    With ``link`` it is a symbolic link to there.
    """

    path: str
    content: str | None = None
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    validate: str = ""
    apply: str = ""
    line: str = ""
    after: str = ""
    link: str = ""
    secret: bool = False


@dataclass(frozen=True)
class Found:
    """One file as found; ``content`` None means that there is none, and ``link`` that it is a link to there."""

    content: str | None = None
    mode: int = 0
    owner: str = ""
    group: str = ""
    link: str = ""


@dataclass(frozen=True)
class Step:
    """One file that must change: its content (or removal), or only its mode and owner."""

    wanted: Wanted
    found: Found
    rewrite: bool


def declared(options: dict[str, Any]) -> Wanted:
    """Return a file from the options that declare it."""
    secret = options["secret_content"]
    content = options["content"] if secret is None else base64.b64decode(secret, validate=True).decode()
    apply = options["apply"] or (RELOAD if is_unit(options["path"]) else "")
    rest = {key: value for key, value in options.items() if key not in ("content", "secret_content", "mode", "apply")}
    return Wanted(**rest, mode=int(options["mode"], 8), content=content, secret=secret is not None, apply=apply)


def is_unit(path: str) -> bool:
    """Whether systemd reads the file and has to be told of its change."""
    return path.startswith("/etc/systemd/system/")


def with_line(wanted: Wanted, found: Found) -> Wanted:
    """Return the file with the content that it shall have, where only a line is declared."""
    if not wanted.line:
        return wanted
    lines = (found.content or "").splitlines()
    if wanted.line not in lines:
        place = (
            next((number for number, line in enumerate(lines, 1) if re.search(wanted.after, line)), 0)
            if wanted.after
            else 0
        )
        lines.insert(place, wanted.line)
        return replace(wanted, content="\n".join(lines) + "\n")
    return replace(wanted, content=found.content)


def same_rights(wanted: Wanted, found: Found) -> bool:
    """Whether mode, owner and group are right; an empty owner or group is anybody."""
    owners = wanted.owner in ("", found.owner) and wanted.group in ("", found.group)
    return owners and wanted.mode == found.mode


def plan(wanted: list[Wanted], found: dict[str, Found]) -> list[Step]:
    """Return the steps from what was found (by path) to what is wanted; nothing for a file that is right."""
    steps = []
    for declared in wanted:
        current = found[declared.path]
        item = with_line(declared, current)
        if item.link:
            if current.link != item.link:
                steps.append(Step(item, current, rewrite=True))
            continue
        if item.content is None:
            if current.content is not None:
                steps.append(Step(item, current, rewrite=True))
            continue
        rewrite = current.content != item.content
        if rewrite or not same_rights(item, current):
            steps.append(Step(item, current, rewrite))
    return steps


def find(path: str, owner_name, group_name) -> Found:
    """Return the file at a path; ``owner_name`` and ``group_name`` give the names of a uid and a gid."""
    link = os.readlink(path) if os.path.islink(path) else ""
    try:
        with open(path, "rb") as stream:
            content = stream.read().decode("utf-8", "surrogateescape")
            info = os.fstat(stream.fileno())
    except (FileNotFoundError, NotADirectoryError):
        return Found(link=link)
    return Found(content, stat.S_IMODE(info.st_mode), owner_name(info.st_uid), group_name(info.st_gid), link)


def difference(step: Step) -> dict[str, str]:
    """Return Ansible's diff of one step."""
    wanted, found = step.wanted, step.found
    before, after = found.content or "", wanted.content or ""
    if wanted.link:
        before, after = f"link to {found.link}\n" if found.link else before, f"link to {wanted.link}\n"
    if wanted.secret:
        before, after = "(hidden)\n" if before else "", "(hidden, new)\n"
    if not step.rewrite:
        before = f"{found.owner}:{found.group} {found.mode:04o}\n"
        after = f"{wanted.owner}:{wanted.group} {wanted.mode:04o}\n"
    return {"before_header": wanted.path, "after_header": wanted.path, "before": before, "after": after}


def to_apply(wanted: list[Wanted], changed: list[str], pending: list[str]) -> list[str]:
    """Return the commands that make running programs take over changed files, and files whose command never ran.

    Each command once, in the order of the files.
    """
    paths = {*changed, *pending}
    return list(dict.fromkeys(item.apply for item in wanted if item.apply and item.path in paths))
