"""Login by the identity provider: who it is is the issuer and the subject, and the user's name is the number's."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import jwt
from oauthenticator.generic import GenericOAuthenticator
from tornado import web
from tornado.httpclient import HTTPClientError, HTTPRequest

from hub.identity import Identity, IdentityError, Left
from hub.settings import Settings
from hub.tokens import verified

REFUSALS = (400, 401, 403)
"""With which a provider says that a token is good no more; anything else is taken for a provider that is away."""


class SiteAuthenticator(GenericOAuthenticator):
    """JupyterHub's generic OAuth client, which checks the ID token and has the account's number."""

    site: Settings
    identity: Identity
    """The two are set once for the class."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._keys = jwt.PyJWKClient(self.site.provider.keys_url, cache_keys=True, timeout=10)

    async def fetch(self, req: HTTPRequest, label: str = "fetching", parse_json: bool = True, **kwargs: Any) -> Any:
        """Ask the provider; what it says is not logged, as some repeat tokens in their errors (INDIGO IAM 1.12)."""
        try:
            answer = await self.http_client.fetch(req, **kwargs)
        except HTTPClientError as error:
            reason = error_code(error.response.body if error.response else b"")
            self.log.warning("%s %s: HTTP %s %s", label, req.url.partition("?")[0], error.code, reason)
            raise
        return json.loads(answer.body or "null") if parse_json else answer

    async def authenticate(self, handler: Any, data: Any = None, **kwargs: Any) -> Any:
        """Return who has come back from the provider, or raise HTTPError with a page that says why not."""
        try:
            return await super().authenticate(handler, data, **kwargs)
        except Left as error:
            raise web.HTTPError(403, f"You cannot log in: {error}.") from error
        except jwt.PyJWTError as error:
            raise web.HTTPError(403, "The identity provider's answer cannot be believed.") from error
        except HTTPClientError as error:
            if error.code in REFUSALS:
                raise web.HTTPError(
                    403, "The identity provider did not confirm the login. Please try again."
                ) from error
            raise web.HTTPError(503, AWAY) from error
        except (IdentityError, OSError, TimeoutError) as error:
            self.log.warning("a login failed: %s", error)
            raise web.HTTPError(503, AWAY) from error

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        """Return what the provider says of the user, with the site's ``account`` of it.

        Raises PyJWTError for a token that is not the provider's or not for this hub, and IdentityError.
        """
        provider = self.site.provider
        told = await super().token_to_user(token_info)
        token = token_info.get("id_token")
        if token and (await self.claims(token))["sub"] != told["sub"]:
            raise jwt.InvalidTokenError("the answer is about somebody else than the token")
        groups = told.get(provider.groups_claim) or []
        name = str(told.get(provider.name_claim) or told.get("name") or told["sub"])
        account = await self.identity.login(provider.issuer, told["sub"], name, [str(group) for group in groups])
        return {**told, "account": account}

    async def claims(self, token: str) -> dict[str, Any]:
        """Return the claims of an ID token of this provider for this hub. Raises PyJWTError for any other."""
        return await asyncio.to_thread(verified, token, self._keys, self.site.provider)

    def build_auth_state_dict(self, token_info: dict[str, Any], user_info: dict[str, Any]) -> dict[str, Any]:
        """Keep the tokens that are needed to ask again, and the account."""
        kept = super().build_auth_state_dict(token_info, user_info)
        return {**kept, "account": user_info["account"]}

    async def update_auth_model(self, auth_model: dict[str, Any]) -> dict[str, Any]:
        """Say who is an administrator: who is in one of their groups now."""
        return {**auth_model, "admin": bool(self._groups(auth_model) & self.site.admin_groups)}

    async def check_allowed(self, username: str, auth_model: dict[str, Any] | None) -> bool:
        """Whether one of the account's groups may log in. Raises HTTPError with a page that names those that may."""
        if auth_model is None or self._may_log_in(auth_model):
            return True
        allowed = ", ".join(sorted(self.site.allowed_groups))
        yours = ", ".join(sorted(self._groups(auth_model))) or "none"
        raise web.HTTPError(
            403,
            f"This hub is for members of: {allowed}. Your groups are: {yours}."
            f" Ask for membership at {self.site.provider.issuer}.",
        )

    async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> Any:
        """Ask again who a user is: its model, False if the provider has said no, True while it does not answer."""
        state = await user.get_auth_state()
        if not state:
            return False
        try:
            return await self._again(state, handler)
        except Left as error:
            self.log.warning("%s: %s", user.name, error)
            return False
        except HTTPClientError as error:
            if error.code in REFUSALS:
                self.log.warning("%s: the provider takes its token no more (HTTP %s)", user.name, error.code)
                return False
            self.log.warning("%s: the provider does not answer, nothing is known of it anew", user.name)
            return True
        except (IdentityError, OSError, TimeoutError, jwt.PyJWTError) as error:
            self.log.warning("%s: nothing is known of it anew: %s", user.name, error)
            return True

    async def _again(self, state: dict[str, Any], handler: Any) -> dict[str, Any]:
        """Return the model of a user by a new token where there is a refresh token, else by the one there is.

        An access token outlives its account at some providers, a refresh token does not.
        """
        told = dict(state["token_response"])
        refresh = state.get("refresh_token")
        if refresh:
            told = await self.get_token_info(handler, self.build_refresh_token_request_params(refresh))
            told.setdefault("refresh_token", refresh)
        model = await self._token_to_auth_model(told)
        if not self._may_log_in(model):
            raise Left("it is in no group that may log in")
        return model

    def _may_log_in(self, model: dict[str, Any]) -> bool:
        allowed = self.site.allowed_groups
        return not allowed or bool(self._groups(model) & allowed)

    @staticmethod
    def _groups(model: dict[str, Any]) -> frozenset[str]:
        return frozenset(str(team["name"]) for team in model["auth_state"]["account"]["groups"])


AWAY = (
    "The identity provider or the database of accounts does not answer. Your running session goes on."
    " Please try again in a minute."
)


def username(told: dict[str, Any]) -> str:
    """Return the hub's name of a user, which is that of its namespace: names of people change hands, numbers do not."""
    return f"user-{told['account']['number']}"


def error_code(body: bytes) -> str:
    """Return the code of an OAuth error (RFC 6749, 5.2), nothing for text that may have a token in it."""
    try:
        code = str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return ""
    return code if re.fullmatch(r"[a-z_]{1,40}", code) else ""
