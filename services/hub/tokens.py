"""Whether an ID token is the provider's, for this hub, and still good."""

from __future__ import annotations

from typing import Any

import jwt

from hub.settings import Provider

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""All of them need the provider's private key; one that needs a shared secret, or none, is not among them."""
LEEWAY_S = 30
"""By how much the clocks of provider and hub may differ."""


def verified(token: str, keys: jwt.PyJWKClient, provider: Provider) -> dict[str, Any]:
    """Return the claims of an ID token after checking its signature, issuer, audience and times. Raises PyJWTError."""
    key = keys.get_signing_key_from_jwt(token)
    return dict(
        jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            audience=provider.client_id,
            issuer=provider.issuer,
            options={"require": ["sub", "exp", "iat"]},
            leeway=LEEWAY_S,
        )
    )
