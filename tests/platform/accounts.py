"""Accounts of the lab as a service has them that lets users log in, and as an administrator has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.platform.site import Lab
from tests.support import eventually

CLIENT = "worker-1"
SERVERS = ("storage-1", "storage-2", "storage-3")
ISSUER = "https://iam.example/"
"""Also in the lab's inventory: whose accounts have rights in the cluster."""


@dataclass(frozen=True)
class Accounts:
    """What accounts do, and what is done with them."""

    hosts: dict[str, Any]
    leader: str
    mark: str
    """What all subjects and groups begin with, since numbers are for ever."""

    def sql(self, statement: str) -> str:
        """What the database answers to such a service. Raises AssertionError for a refusal, with what it says."""
        words = f"sudo -u postgres psql -v ON_ERROR_STOP=1 -qAtd identity <<'END'\n{statement}\nEND"
        return str(self.hosts[self.leader].check_output(words))

    def asked(self, subject: str, name: str = "alice", teams: tuple[str, ...] = ()) -> str:
        """The statement of a login."""
        groups = ",".join(f"'{self.mark}-{team}'" for team in teams)
        login = f"identity.login('{ISSUER}', '{self.mark}-{subject}', '{name}', ARRAY[{groups}]::text[])"
        return f"SET ROLE identity_client; SELECT {login};"

    def login(self, subject: str, name: str = "alice", teams: tuple[str, ...] = ()) -> dict[str, Any]:
        """The account of a subject, once its folders are made."""
        number = json.loads(self.sql(self.asked(subject, name, teams)))["number"]
        found: dict[str, Any] = {}

        def ready() -> bool:
            found.update(json.loads(self.sql(f"SELECT identity.whois({number})")))
            return bool(found["ready"]) and all(team["ready"] for team in found["groups"])

        eventually(ready, 30, f"the folders of {subject} are made")
        return found

    def identity(self, *words: object) -> str:
        """What the command says to an administrator."""
        return str(self.hosts[SERVERS[0]].check_output("identity " + " ".join(map(str, words))))

    def becomes(self, number: int, folder: str) -> None:
        """Wait until a home is as the database is to say of it."""
        query = f"SELECT folder FROM identity.account WHERE number = {number}"
        eventually(lambda: self.sql(query) == folder, 30, f"home {number} is {folder}")

    def as_user(self, account: dict[str, Any], script: str, host: str = CLIENT) -> Any:
        """What a shell of an account's own does on a host that has the filesystem."""
        number, teams = account["number"], ",".join(str(team["number"]) for team in account["groups"])
        groups = f"--groups={teams}" if teams else "--clear-groups"
        return self.hosts[host].run(f"setpriv --reuid={number} --regid={number} {groups} sh -ec '{script}'")


def home(account: dict[str, Any]) -> str:
    return f"/shared/homes/{account['number']}"


@contextmanager
def accounts_of(lab: Lab) -> Iterator[Accounts]:
    """Give accounts with a mark of their own; at the end they leave, and their homes are removed at once."""
    hosts = {name: lab.connection(variables) for name, variables in lab.hostvars().items()}
    leader = json.loads(hosts["db-1"].run("postgresql-failover status").stdout)["leader"]
    made = Accounts(hosts, leader, uuid4().hex[:8])
    try:
        yield made
    finally:
        made.sql(f"UPDATE identity.account SET left_at = '2000-01-01' WHERE subject LIKE '{made.mark}-%'")
