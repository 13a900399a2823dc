"""Which ID tokens are believed."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hub.tokens import verified

from tests.unit.hub.samples import PROVIDER

KEY, OTHER = (rsa.generate_private_key(65537, 2048) for _ in range(2))
PUBLIC = {**jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "alg": "RS256"}
KEYS: Any = SimpleNamespace(get_signing_key_from_jwt=lambda token: jwt.PyJWK.from_dict(PUBLIC))


def token(key: Any = KEY, algorithm: str = "RS256", **claims: Any) -> str:
    now = int(time.time())
    usual = {"iss": PROVIDER.issuer, "aud": "hub", "sub": "1f", "iat": now, "exp": now + 300}
    return jwt.encode({**usual, **claims}, key, algorithm=algorithm)


def test_one_of_the_provider_for_this_hub_is_believed() -> None:
    assert verified(token(), KEYS, PROVIDER)["sub"] == "1f"


@pytest.mark.parametrize(
    "forged",
    [
        token(key=OTHER),
        token(aud="another"),
        token(iss="https://other.example/"),
        token(iss=PROVIDER.issuer.rstrip("/")),
        token(exp=int(time.time()) - 60),
        token(iat=int(time.time()) + 600),
        token(key="", algorithm="none"),
        token(key="x" * 64, algorithm="HS256"),
        token().rpartition(".")[0] + ".",
    ],
    ids=[
        "signature",
        "audience",
        "issuer",
        "issuer's last letter",
        "expired",
        "not yet",
        "unsigned",
        "shared secret",
        "cut",
    ],
)
def test_any_other_is_not(forged: str) -> None:
    with pytest.raises(jwt.PyJWTError):
        verified(forged, KEYS, PROVIDER)
