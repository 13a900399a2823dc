"""The site's database of numbers: which account a login is, and whether its folders are there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import psycopg

from hub.choices import Account, account_of

ANSWER_S = 10.0


class IdentityError(Exception):
    """The database does not answer, or will not have the account."""


class Left(IdentityError):
    """The account has left the site."""


class Identity:
    """Asks it, by a connection for each question: it follows the primary of the cluster and holds none in between."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo

    async def login(self, issuer: str, subject: str, name: str, groups: Sequence[str]) -> dict[str, Any]:
        """Return the account, made when it is new, in these groups. Raises IdentityError."""
        return await self._ask("SELECT identity.login(%s, %s, %s, %s)", (issuer, subject, name, list(groups)))

    async def whois(self, number: int) -> dict[str, Any]:
        """Return what is known of a number. Raises IdentityError."""
        return await self._ask("SELECT identity.whois(%s)", (number,))

    async def account(self, number: int) -> tuple[Account, bool]:
        """Return an account and whether it and its groups have their folders. Raises IdentityError."""
        told = await self.whois(number)
        account = account_of(told)
        return account, bool(told["ready"]) and all(team.ready for team in account.teams)

    async def _ask(self, question: str, values: tuple[Any, ...]) -> dict[str, Any]:
        try:
            async with asyncio.timeout(ANSWER_S):
                async with await psycopg.AsyncConnection.connect(self._conninfo) as connection:
                    answer = await (await connection.execute(question, values)).fetchone()
        except psycopg.errors.RaiseException as error:
            raise Left(error.diag.message_primary or str(error)) from error
        except (psycopg.Error, TimeoutError) as error:
            raise IdentityError(f"the database of accounts does not answer: {error}") from error
        if not answer or answer[0] is None:
            raise Left("the account is not known")
        found: dict[str, Any] = answer[0]
        return found
