"""JupyterHub with the upkeep of a site."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyterhub import orm
from jupyterhub.app import JupyterHub
from kube_api import Client, in_cluster

from hub.cluster import Cluster
from hub.spawner import SessionSpawner
from hub.upkeep import ORPHANS_S, REFRESH_S, Orphans, every


class SiteHub(JupyterHub):
    """The hub. Its upkeep runs in the same loop as its pages: both know the same users."""

    name = "jupyterhub"

    async def start(self) -> None:
        """Start, and keep up from then on."""
        await super().start()
        self._orphans = Orphans(Client(in_cluster()))
        self._upkeep = [
            asyncio.ensure_future(every(REFRESH_S, self.know_users_anew)),
            asyncio.ensure_future(every(ORPHANS_S, self.remove_orphans)),
        ]

    async def know_users_anew(self) -> None:
        """Ask for each user with a session or a token, and end both of those whom the provider refuses."""
        for row in self.db.query(orm.User).all():
            user = self.users[row]
            if not (user.active or row.api_tokens):
                continue
            model = await self.authenticator.refresh_user(user)
            if model is False:
                await self.end(user)
            elif model is not True:
                await user.save_auth_state(model["auth_state"])

    async def end(self, user: Any) -> None:
        """End the sessions and tokens of a user. Its data stay."""
        self.log.warning("%s is refused by the identity provider: its sessions and tokens end", user.name)
        for token in [*user.orm_user.api_tokens]:
            self.db.delete(token)
        user.orm_user.cookie_id = orm.new_token()
        await user.save_auth_state(None)
        self.db.commit()
        for spawner in list(user.spawners.values()):
            if spawner.active:
                await self.stop_of(user, spawner)

    async def stop_of(self, user: Any, spawner: Any) -> None:
        """Stop a server and take its route away."""
        await self.proxy.delete_user(user, spawner.name)
        await user.stop(spawner.name)

    async def remove_orphans(self) -> None:
        """Remove pods of sessions that belong to no server."""
        cluster: Cluster = SessionSpawner.cluster
        if cluster.complete:
            await self._orphans.remove(cluster.pods(), self._known())

    def _known(self) -> set[tuple[str, str]]:
        """Namespace and name of the pods of all servers, those of which only the database knows among them."""
        active = {
            (one.namespace, one.pod_name)
            for user in self.users.values()
            for one in user.spawners.values()
            if one.active
        }
        states = [row.state or {} for row in self.db.query(orm.Spawner).filter(orm.Spawner.server_id.isnot(None))]
        return active | {(state["namespace"], state["pod_name"]) for state in states if "pod_name" in state}
