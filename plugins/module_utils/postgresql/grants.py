# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contradictions in the declared grants of a PostgreSQL cluster. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Grant = Mapping[str, Any]

PRIVILEGES = {
    "database": ("CREATE", "CONNECT", "TEMPORARY", "TEMP"),
    "schema": ("CREATE", "USAGE"),
    "table": ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"),
    "sequence": ("SELECT", "UPDATE", "USAGE"),
    "function": ("EXECUTE",),
    "procedure": ("EXECUTE",),
    "type": ("USAGE",),
    "default_privs": (
        "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN", "USAGE", "EXECUTE",
        "CREATE",
    ),
}  # fmt: skip
"""Privileges by type of object, as GRANT has them; MAINTAIN from PostgreSQL 17."""
WITHOUT_SCHEMA = ("database", "schema")


def grant_problems(grant: Grant, all_grants: Iterable[Grant]) -> Iterator[str]:
    """Yield what is wrong with a grant by itself, and beside those that stand before it."""
    what, kind = f"a grant in database {grant['database']} to {grant['role']}", _type(grant)
    if kind not in PRIVILEGES:
        return  # option_problems says so
    known = (*PRIVILEGES[kind], "ALL")
    found = ", ".join(map(str, grant.get("privs", [])))
    if not _privileges(grant) or not _privileges(grant) <= set(known):
        yield f"{what}: found privs {found or 'none'} on a {kind}. Needed: of {', '.join(known)}. Remedy: correct them."
    if kind != "database" and not grant.get("objs"):
        yield f"{what}: found no objs. Needed: what is granted on, since it is of type {kind}. Remedy: name them."
    if kind in WITHOUT_SCHEMA and grant.get("schema"):
        yield f"{what}: found a schema. Needed: none, since it is of type {kind}. Remedy: remove it."
    if (kind == "default_privs") != bool(grant.get("target_roles")):
        yield (
            f"{what}: found {'target_roles' if grant.get('target_roles') else 'no target_roles'} with type {kind}. "
            "Needed: with type default_privs, and only there, the roles whose new objects are meant. Remedy: "
            "correct it."
        )
    for other in all_grants:
        if other is grant:
            return
        if _clash(grant, other):
            yield (
                f"{what}: found two entries on the same objects of type {kind}, of which each run would change one by "
                "the other. Needed: one. Remedy: make them one."
            )


def _clash(one: Grant, other: Grant) -> bool:
    if _key(one) != _key(other):
        return False
    shared = _privileges(one) & _privileges(other) or "ALL" in _privileges(one) | _privileges(other)
    return bool(shared) or _type(one) == "default_privs"


def _key(grant: Grant) -> tuple[Any, ...]:
    lists = (tuple(sorted(map(str, grant.get(name, [])))) for name in ("objs", "target_roles"))
    return grant["database"], grant["role"], _type(grant), grant.get("schema", "public"), *lists


def _privileges(grant: Grant) -> set[str]:
    return {str(name).upper() for name in grant.get("privs", [])}


def _type(grant: Grant) -> str:
    return str(grant.get("type", "database"))
