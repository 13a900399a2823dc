"""The verifier of a password is the one that PostgreSQL's own library makes, and lets in who knows the password."""

from __future__ import annotations

import hmac
from base64 import b64decode
from hashlib import sha256
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible.plugins.loader import filter_loader
from ansible_collections.ai_infn.platform.plugins.module_utils.postgresql.scram import is_verifier
from psycopg.pq import PGconn

SALT = "W22ZaJ0SNY7soEsUEjb6gQ=="


def verifier(password: str, *options: Any) -> str:
    return str(filter_loader.get("ai_infn.platform.postgresql_scram_verifier").j2_function(password, *options))


def test_the_exchange_of_rfc_7677_succeeds_with_the_verifier() -> None:
    _, salt, keys = verifier("pencil", SALT).split("$")
    assert salt == f"4096:{SALT}"
    stored, server = map(b64decode, keys.split(":"))
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    said = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s={SALT},i=4096,c=biws,r={nonce}".encode()
    proof = b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    client = bytes(a ^ b for a, b in zip(proof, hmac.digest(stored, said, "sha256"), strict=True))
    assert sha256(client).digest() == stored
    assert hmac.digest(server, said, "sha256") == b64decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


@pytest.mark.parametrize("password", ["pencil", "x", "with blanks and 'quotes' \\ and $", "Aa0" * 16])
def test_libpq_makes_the_same_of_the_same_salt(password: str) -> None:
    theirs = PGconn.connect(b"host=/nowhere").encrypt_password(password.encode(), b"user", b"scram-sha-256").decode()
    assert verifier(password, theirs.split("$")[1].split(":")[1]) == theirs
    assert is_verifier(theirs)


def test_without_a_salt_each_verifier_is_another_one() -> None:
    one, other = verifier("pencil"), verifier("pencil")
    assert one != other and is_verifier(one) and is_verifier(other)


def test_more_iterations_are_in_the_verifier() -> None:
    assert verifier("pencil", SALT, 10000).startswith(f"SCRAM-SHA-256$10000:{SALT}$")


@pytest.mark.parametrize("password", ["", "é", "two\nlines", "tab\t"])
def test_a_password_that_clients_would_change_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(AnsibleFilterError, match="is empty, or has characters that are not printable ASCII") as found:
        verifier(password)
    assert not password or password not in str(found.value)


def test_a_salt_that_is_no_base64_is_refused() -> None:
    with pytest.raises(AnsibleFilterError):
        verifier("pencil", "no salt")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pencil",
        "md5" + 32 * "0",
        "SCRAM-SHA-256$4096:salt",
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$short=:short=",
    ],
)
def test_other_texts_are_no_verifiers(text: str) -> None:
    assert not is_verifier(text) and not is_verifier(f"{text}\n")
