# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contradictions in the declared databases, users and grants of PostgreSQL clusters. Pure: no I/O.

A problem says the value found, the value needed and the remedy, and never shows a password. What only the server can
tell is a doubt: whether somebody who is not declared is there, and whether a database that is to be dropped still is.
"""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Optional, Union

from ..options import plain
from .grants import grant_problems
from .scram import is_verifier

Entry = Mapping[str, Any]
There = Mapping[str, Iterable[str]]
"""Names of what a server has: ``{"databases": ..., "users": ...}``."""

NAMES = {"databases": ("name",), "users": ("name",), "grants": ("database", "role")}
"""What an entry of each list cannot be without."""
LISTS = ("extensions", "role_attr_flags", "member_of", "privs", "objs", "target_roles")
NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
"""Names that need no quotes. A hyphen would also make the name of the file with a generated password ambiguous."""
FLAGS = ("SUPERUSER", "CREATEDB", "CREATEROLE", "INHERIT", "LOGIN", "REPLICATION", "BYPASSRLS")
RESERVED = {"databases": ("postgres", "template0", "template1"), "users": ("postgres", "replication", "public")}
PUBLIC = "PUBLIC"


@dataclass(frozen=True)
class Declared:
    """What one cluster is to have; entries that have no form are left out and told in ``malformed``."""

    cluster: str
    hosts: list[str]
    databases: list[Entry]
    users: list[Entry]
    grants: list[Entry]
    confirmed: list[str]
    malformed: list[str]

    def names(self, kind: str, absent: bool = False) -> set[str]:
        """Return the names of the databases or users that are to be there, or of those that are not."""
        return {entry["name"] for entry in getattr(self, kind) if is_absent(entry) == absent}


@dataclass(frozen=True)
class Doubt:
    """Something that is a problem if the server has it, or if it has it not."""

    cluster: str
    kind: str
    name: str
    has: bool
    sentence: str

    def is_problem(self, there: There) -> bool:
        """Whether it is a problem for a server with these databases and users."""
        return (self.name in there.get(self.kind, ())) == self.has


def declared(hosts: Iterable[Entry], defaults: Entry) -> list[Declared]:
    """Return what each cluster declares; ``defaults`` has the ``postgresql_cluster`` of a host that sets none."""
    of: dict[str, list[Entry]] = {}
    for host in sorted(hosts, key=lambda host: str(host["inventory_hostname"])):
        cluster = host["postgresql_cluster"] if "postgresql_cluster" in host else defaults["postgresql_cluster"]
        of.setdefault(str(cluster), []).append(host)
    return [_of_cluster(cluster, members) for cluster, members in sorted(of.items())]


def problems(one: Declared) -> list[str]:
    """Return what is wrong with a declaration whatever the server has."""
    return [f"Cluster {one.cluster}: {problem}" for problem in (*one.malformed, *_problems(one))]


def doubts(one: Declared) -> list[Doubt]:
    """Return what is wrong with a declaration only if the server has something, or has not."""
    found = [finding for finding in _references(one) if isinstance(finding, Doubt)]
    for name in sorted(one.names("databases", absent=True) - set(one.confirmed)):
        sentence = (
            f"database {name} is declared absent, and is there with its data. Needed: your word that they are lost. "
            f"Remedy: -e postgresql_drop_confirmed={name}, or remove the entry, and the database is left alone."
        )
        found.append(Doubt(one.cluster, "databases", name, True, f"Cluster {one.cluster}: {sentence}"))
    return found


def known(members: Iterable[Entry], answers: Iterable[str]) -> Optional[There]:
    """Return what a cluster has, or None where nobody can tell; then doubts are left to a later look.

    ``members`` are what the module postgresql_member returned for its hosts, ``answers`` what the server said that
    leads, as JSON documents. A cluster has nothing if none of its hosts knows of it.
    """
    told = [json.loads(answer) for answer in answers if answer]
    if told:
        return {kind: {name for answer in told for name in answer[kind]} for kind in ("databases", "users")}
    return {} if all(_knows_no_cluster(member) for member in members) else None


def _knows_no_cluster(member: Entry) -> bool:
    if "cluster" not in member:
        return member.get("rc") == errno.ENOENT  # there is no agent
    return not member["cluster"] or bool(member["cluster"]["answered"] and not member["cluster"]["term"])


def is_absent(entry: Entry) -> bool:
    """Whether an entry says that something shall not be there."""
    return bool(entry.get("state") == "absent")


def _of_cluster(cluster: str, members: list[Entry]) -> Declared:
    names = [str(host["inventory_hostname"]) for host in members]
    said = [{kind: plain(host.get(f"postgresql_{kind}") or []) for kind in NAMES} for host in members]
    malformed = [
        f"found other postgresql_{kind} of {names[number]} than of {names[0]}. Needed: the same for all of its "
        "hosts, since each may lead. Remedy: set it for a group, not for a host."
        for kind in NAMES
        for number, saying in enumerate(said)
        if saying[kind] != said[0][kind]
    ]
    entries: dict[str, list[Entry]] = {}
    for kind, value in said[0].items():
        found = value if isinstance(value, list) else [value]
        wrong = {number: _form_problem(kind, entry) for number, entry in enumerate(found)}
        malformed += [f"entry {number + 1} of postgresql_{kind} {text}" for number, text in wrong.items() if text]
        entries[kind] = [entry for number, entry in enumerate(found) if not wrong[number]]
    confirmed = members[0].get("postgresql_drop_confirmed") or []
    confirmed = confirmed.split(",") if isinstance(confirmed, str) else plain(confirmed)
    return Declared(cluster, names, confirmed=confirmed, malformed=malformed, **entries)


def _form_problem(kind: str, entry: Any) -> str:
    """Return what keeps an entry from being looked at; it is not shown, since it may have a password."""
    needed = NAMES[kind]
    if not isinstance(entry, Mapping) or not all(isinstance(entry.get(name), str) for name in needed):
        return f"has no {' or no '.join(needed)}. Needed: as text. Remedy: write it as in docs/postgresql.md."
    for name in LISTS:
        if not isinstance(entry.get(name, []), list):
            return f"({entry[needed[0]]}): found {name}: {entry[name]}. Needed: a list. Remedy: put it in brackets."
    return ""


def _problems(one: Declared) -> Iterator[str]:
    for kind in ("databases", "users"):
        found = [entry["name"] for entry in getattr(one, kind)]
        for name in sorted(set(found)):
            yield from _name_problems(kind, name, found.count(name))
    for user in one.users:
        yield from _user_problems(user)
    for grant in one.grants:
        yield from grant_problems(grant, one.grants)
    yield from (finding for finding in _references(one) if isinstance(finding, str))


def _name_problems(kind: str, name: str, number: int) -> Iterator[str]:
    what = f"{name} in postgresql_{kind}"
    if not NAME.fullmatch(name):
        yield (
            f"found the name {what}. Needed: at most 63 small letters, digits and underscores, the first no digit, so "
            "that nobody has to quote it. Remedy: give it another name."
        )
    if name in RESERVED[kind] or (kind == "users" and name.startswith("pg_")):
        yield f"found {what}, which is PostgreSQL's or the cluster's own. Needed: another name. Remedy: rename it."
    if number > 1:
        yield f"found {number} entries of the name {what}. Needed: one. Remedy: make them one."


def _user_problems(user: Entry) -> Iterator[str]:
    name, password = user["name"], user.get("password")
    if password is not None and not is_verifier(str(password)):
        yield (
            f"found a password of user {name} that is no SCRAM-SHA-256 verifier (it is not shown). Needed: a verifier, "
            "which is no secret of the user's, or none, and a password is generated. Remedy: make one with the filter "
            "ai_infn.platform.postgresql_scram_verifier, see docs/postgresql.md."
        )
    for flag in user.get("role_attr_flags", []):
        if str(flag).upper() not in {*FLAGS, *(f"NO{known}" for known in FLAGS)}:
            yield (
                f"found role_attr_flags {flag} of user {name}. Needed: one of {', '.join(FLAGS)}, or the same "
                "after NO. Remedy: correct or remove it."
            )
    for group in sorted({"postgres", "replication", name} & set(map(str, user.get("member_of", [])))):
        yield (
            f"user {name} is to be a member of {group}. Needed: a role of an application, or a predefined one "
            "(pg_...). Remedy: remove it from member_of."
        )


def _references(one: Declared) -> Iterator[Union[str, Doubt]]:
    """Yield what is wrong with the names by which entries refer to others: certainly, or in doubt."""
    for kind, name, what in sorted(set(_referring(one))):
        if name in one.names(kind) or name == "postgres" or (kind == "users" and name.startswith("pg_")):
            continue
        if name in one.names(kind, absent=True):
            yield (
                f"found {what}: {name}, which postgresql_{kind} declares absent. Needed: one that is there. "
                "Remedy: change one of the two entries."
            )
            continue
        sentence = (
            f"found {what}: {name}, which postgresql_{kind} does not declare, and no server that leads and has it. "
            f"Needed: one that is there. Remedy: declare it in postgresql_{kind}, or correct the name."
        )
        yield Doubt(one.cluster, kind, name, False, f"Cluster {one.cluster}: {sentence}")


def _referring(one: Declared) -> Iterator[tuple[str, str, str]]:
    """Yield kind, name and use of whatever an entry needs."""
    for database in one.databases:
        if database.get("owner") and not is_absent(database):
            yield "users", str(database["owner"]), f"the owner of database {database['name']}"
    for user in one.users:
        if not is_absent(user):
            for group in user.get("member_of", []):
                yield "users", str(group), f"a role of which user {user['name']} is to be a member"
    for grant in one.grants:
        if not is_absent(grant):
            what = f"a grant in database {grant['database']} to {grant['role']}"
            yield "databases", grant["database"], f"the database of {what}"
            for role in map(str, [grant["role"], *grant.get("target_roles", [])]):
                if role != PUBLIC:
                    yield "users", role, f"a role of {what}"
