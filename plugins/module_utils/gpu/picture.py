# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The capacity report as one HTML page that needs nothing else: no script, no font, no network. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from .drawing import css_class, device_name, drawing
from .shown import HELD, IDLE, MISSING, NOT_OFFERED, several

Json = Mapping[str, Any]

STYLE = """
:root { color-scheme: light dark; --page: #fff; --ink: #1c2024; --dim: #545d68; --line: #8b949e;
  --held: #1f5fa8; --on-held: #fff; --idle: #e3f4e6; --idle-line: #2c7a3f; --off: #eceff2; --missing: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --page: #14171a; --ink: #e6e9ec; --dim: #a5afba; --line: #6b7580;
  --held: #8fc1ff; --on-held: #0b1d33; --idle: #15301c; --idle-line: #6fcf87; --off: #262b31; --missing: #ff8a80; } }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.45 system-ui, sans-serif; }
main { max-width: 64rem; margin: 0 auto; padding: 1.5rem; }
h1, h2, h3 { line-height: 1.2; margin: 1.6rem 0 .4rem; } h1 { margin-top: 0; } p { margin: .3rem 0; }
.dim { color: var(--dim); } .wide { overflow-x: auto; }
dl { display: flex; flex-wrap: wrap; gap: .4rem 2.2rem; margin: 1rem 0; }
dl div { display: flex; flex-direction: column-reverse; } dt { color: var(--dim); }
dd { margin: 0; font-size: 2rem; font-weight: 600; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .2rem 1rem .2rem 0; vertical-align: top; }
th { border-bottom: 1px solid var(--line); } td.number, th.number { text-align: right; }
.server { border-left: 3px solid var(--line); padding-left: 1rem; margin: 1.2rem 0; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.6rem; padding: 0; list-style: none; }
.legend svg { width: 2.2rem; min-width: 0; height: 1.1rem; vertical-align: -.2rem; margin-right: .4rem; }
svg { display: block; width: 100%; min-width: 44rem; height: auto; } .legend svg { display: inline; }
svg.patterns { position: absolute; width: 0; min-width: 0; height: 0; }
svg text { font: 11px ui-monospace, monospace; fill: var(--ink); } svg text.label { fill: var(--dim); }
rect.card { fill: none; stroke: var(--line); stroke-dasharray: 1 4; } rect.device { stroke-width: 1.5; }
.held rect.device { fill: var(--held); stroke: var(--held); } .held text { fill: var(--on-held); }
.idle rect.device { fill: var(--idle); stroke: var(--idle-line); }
.not-offered rect.device { fill: url(#dots); stroke: var(--line); stroke-dasharray: 2 3; }
.missing rect.device { fill: url(#stripes); stroke: var(--missing); stroke-dasharray: 7 4; }
.missing text { fill: var(--missing); font-weight: 600; }
#stripes path { stroke: var(--missing); stroke-width: 1; opacity: .35; }
#dots circle { fill: var(--line); opacity: .35; }
summary { cursor: pointer; }
"""
PATTERNS = (
    '<svg class="patterns" aria-hidden="true" focusable="false"><defs>'
    '<pattern id="stripes" width="8" height="8" patternUnits="userSpaceOnUse"><path d="M0 8L8 0"/></pattern>'
    '<pattern id="dots" width="6" height="6" patternUnits="userSpaceOnUse"><circle cx="3" cy="3" r=".8"/></pattern>'
    "</defs></svg>"
)
LEGEND = (
    (HELD, "held by a pod: filled, with its namespace and name"),
    (IDLE, "idle: a pod can have it"),
    (MISSING, "missing: gpu.yml made it, and it is no longer there"),
    (NOT_OFFERED, "not offered: it is there, and no pod can have it"),
)


def picture(document: Json) -> str:
    """Return the page of a document that ``report`` made."""
    title = f"GPUs of {escape(document['site'])}"
    time = escape(document["time"])
    body = [
        f'<h1>{title}</h1><p class="dim">As of <time datetime="{time}">{time}</time></p>',
        _totals(document),
        _list("What is wrong", document["problems"]),
        _list("Missing", document["missing"]),
        _resources(document["resources"]),
        _list("Asked for, and not known to be given yet", map(_unplaced, document["unplaced"])),
    ]
    if document["hosts"]:
        body += [_legend(), _servers(document["hosts"]), _table(document["hosts"])]
    else:
        body.append("<p>This site has no GPUs.</p>")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body>{PATTERNS}<main>\n"
        + "\n".join(filter(None, body))
        + "\n</main></body></html>\n"
    )


def _totals(document: Json) -> str:
    numbers = [(name, document[name.lower()]) for name in ("Cards", "GPUs", "Allocated", "Idle")]
    numbers.append(("Missing", len(document["missing"])))
    return "<dl>" + "".join(f"<div><dt>{name}</dt><dd>{number}</dd></div>" for name, number in numbers) + "</dl>"


def _list(heading: str, texts: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<h2>{heading}</h2><ul>{items}</ul>" if items else ""


def _unplaced(entry: Json) -> str:
    return "{namespace}/{name} on {node}: {number} x {resource}".format(**entry)


def _resources(resources: Json) -> str:
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="number">{counts["offered"]}</td>'
        f'<td class="number">{counts["allocated"]}</td></tr>'
        for name, counts in resources.items()
    )
    head = '<th scope="col">Resource</th><th scope="col" class="number">Offered</th>'
    head += '<th scope="col" class="number">Allocated</th>'
    return f'<div class="wide"><table><tr>{head}</tr>{rows}</table></div>' if rows else ""


def _legend() -> str:
    items = "".join(
        f'<li><svg class="{css_class(state)}" viewBox="0 0 44 22" aria-hidden="true">'
        f'<rect class="device" x="1" y="1" width="42" height="20" rx="4"/></svg>{escape(text)}</li>'
        for state, text in LEGEND
    )
    return f'<h2>Legend</h2><ul class="legend">{items}</ul>'


def _servers(hosts: Iterable[Json]) -> str:
    """Return the hosts, by server where the cloud tells on which server each runs."""
    servers: dict[str, list[str]] = {}
    for number, host in enumerate(hosts):
        servers.setdefault(host["server"], []).append(_host(f"host-{number}", host))
    parts = []
    for number, (server, shown) in enumerate(sorted(servers.items(), key=lambda item: not item[0]), start=1):
        name = f"Server {number} <small>{escape(server[:12])}</small>" if server else "Server not known"
        heading = f"<h2>{name}</h2>" if any(servers) else ""
        parts.append(f'<section class="server">{heading}{"".join(shown)}</section>')
    return "\n".join(parts)


def _host(identity: str, host: Json) -> str:
    states = [
        *([] if host["answers"] else ["does not answer"]),
        *([] if host["ready"] else ["Node is not ready"]),
        *(["takes no new pods"] if host["ready"] and not host["schedulable"] else []),
    ]
    facts = [
        host["product"] or host["model"],
        f"{several(host['gpus'], 'GPU')}, {host['allocated']} allocated, {host['idle']} idle",
    ]
    line = escape(" · ".join(filter(None, facts)))
    said = f" <strong>{escape(', '.join(states))}</strong>" if states else ""
    cards = f'<div class="wide">{drawing(identity, host["name"], host["cards"])}</div>' if host["cards"] else ""
    return f'<section><h3>{escape(host["name"])}</h3><p class="dim">{line}{said}</p>{cards}</section>'


def _table(hosts: Iterable[Json]) -> str:
    rows = []
    for host in hosts:
        for card in host["cards"]:
            for one in card["devices"]:
                pod = f"{one['pod']['namespace']}/{one['pod']['name']}" if one["pod"] else ""
                cells = (host["name"], card["index"], device_name(one), one["resource"], one["state"], pod, one["uuid"])
                rows.append("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>")
    names = ("Host", "Card", "Device", "Resource", "State", "Pod", "UUID")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    table = f'<div class="wide"><table><tr>{head}</tr>{"".join(rows)}</table></div>'
    return f"<details><summary>All of it as a table</summary>{table}</details>" if rows else ""
