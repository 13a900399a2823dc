"""The host's package sources, for another suite: whatever mirror the machine uses, its guests are made from it too."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

APT = Path("/etc/apt")
KEPT_OPTIONS = re.compile(r"^(Acquire::(https?::|Check-|Retries)[^ ]*) \"(.*)\";$")


def sources(suite: str, folder: Path = APT, release: str | None = None) -> str:
    """One-line package sources of the suite, after the pattern of the host's own release (``bookworm-updates`` …)."""
    release = release or _host_release()
    lines = []
    for uri, name, components in _entries(folder):
        if name == release or name.startswith(f"{release}-"):
            wanted = suite + name[len(release) :]
            lines.append(f"deb {uri} {wanted} {' '.join(components)}")
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def options() -> list[str]:
    """What the host tells apt about proxies, certificates and dates, as options for another apt."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    found = (KEPT_OPTIONS.match(line) for line in dump.splitlines())
    return [f'{match[1]} "{match[3]}"' for match in found if match and match[3]]


def _entries(folder: Path) -> Iterator[tuple[str, str, list[str]]]:
    for file in [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))]:
        if file.exists():
            yield from _one_line_entries(file.read_text(encoding="utf-8"))
    for file in sorted((folder / "sources.list.d").glob("*.sources")):
        yield from _deb822_entries(file.read_text(encoding="utf-8"))


def _one_line_entries(text: str) -> Iterator[tuple[str, str, list[str]]]:
    for line in text.splitlines():
        words = re.sub(r"\[[^]]*\]", "", line.partition("#")[0]).split()
        if len(words) > 3 and words[0] == "deb":
            yield words[1], words[2], words[3:]


def _deb822_entries(text: str) -> Iterator[tuple[str, str, list[str]]]:
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", kept):
        fields = {
            key.lower(): value.split() for key, value in re.findall(r"^([\w-]+):(.*(?:\n[ \t].*)*)", stanza, re.M)
        }
        if "deb" in fields.get("types", []) and fields.get("enabled") != ["no"]:
            for uri in fields.get("uris", []):
                for name in fields.get("suites", []):
                    yield uri, name, fields.get("components", [])


def _host_release() -> str:
    for line in Path("/etc/os-release").read_text(encoding="utf-8").splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise RuntimeError("/etc/os-release names no VERSION_CODENAME: the lab needs a Debian host")
