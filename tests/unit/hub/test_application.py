"""What becomes of a user whom the identity provider refuses."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

from hub.application import SiteHub


def test_tokens_and_logins_end_before_the_session_does() -> None:
    done: list[str] = []

    async def stop(user: Any, spawner: Any) -> None:
        done.append(f"session {spawner.name}")

    async def save(state: Any) -> None:
        done.append(f"state {state}")

    token = SimpleNamespace(name="token")
    row = SimpleNamespace(api_tokens=[token], cookie_id="known")
    servers = {name: SimpleNamespace(name=name, active=name == "running") for name in ("running", "stopped")}
    user = SimpleNamespace(name="user-1", orm_user=row, spawners=servers, save_auth_state=save)
    database = SimpleNamespace(delete=lambda one: done.append(one.name), commit=lambda: done.append("commit"))
    hub = SimpleNamespace(log=logging.getLogger("hub"), db=database, stop_of=stop)
    asyncio.run(SiteHub.end(hub, user))  # type: ignore[arg-type]
    assert done == ["token", "state None", "commit", "session running"]
    assert row.cookie_id != "known"
