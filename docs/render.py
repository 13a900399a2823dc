"""Render each role's README from its argument specs, so that options are described in one place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Rendered from meta/argument_specs.yml by `make docs`. -->"


def plain(text: Any) -> str:
    """Return Ansible's markup C(x), O(x), V(x), B(x), I(x) as Markdown, on one line; a list becomes sentences."""
    joined = " ".join(map(str, text)) if isinstance(text, list) else str(text or "")
    joined = re.sub(r"\b[COVB]\(([^)]*)\)", r"`\1`", joined)
    joined = re.sub(r"\bI\(([^)]*)\)", r"*\1*", joined)
    return re.sub(r"\s+", " ", joined).strip()


def value(default: Any) -> str:
    """Return a default as a reader would write it in YAML."""
    if default is None:
        return ""
    text = yaml.safe_dump(default, default_flow_style=True, width=10_000).removesuffix("\n").removesuffix("\n...")
    return f"`{text}`"


def rows(options: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield a table row for each option and, indented by its parent's name, each suboption."""
    for name, option in sorted(options.items()):
        kind = option.get("type", "str") + (f" of {option['elements']}" if "elements" in option else "")
        text = plain(option.get("description"))
        if choices := option.get("choices"):
            text += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
        need = "required" if option.get("required") else value(option.get("default"))
        yield f"| `{prefix}{name}` | {kind} | {need} | {text.replace('|', chr(92) + '|')} |"
        yield from rows(option.get("options") or {}, f"{prefix}{name}.")


def readme(role: str, specs: dict[str, Any]) -> str:
    """Return the README of one role; ``specs`` is its argument_specs mapping (entry point: spec)."""
    lines = [f"# ai_infn.platform.{role}", "", NOTE, ""]
    for entry, spec in specs.items():
        if entry != "main":
            lines += [f"## Entry point `{entry}`", ""]
        lines += [plain(spec["short_description"]).rstrip(".") + ".", ""]
        description = plain(spec.get("description"))
        if description:
            lines += [description, ""]
        options = spec.get("options") or {}
        if options:
            lines += ["| option | type | default | meaning |", "|---|---|---|---|", *rows(options), ""]
    return "\n".join(lines).rstrip() + "\n"


def rendered(root: Path = ROOT) -> dict[Path, str]:
    """Return the text of every file that is rendered."""
    texts = {}
    for path in sorted(root.glob("roles/*/meta/argument_specs.yml")):
        specs = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
        role = path.parent.parent
        texts[role / "README.md"] = readme(role.name, specs)
    return texts


def main() -> None:
    for path, text in rendered().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
