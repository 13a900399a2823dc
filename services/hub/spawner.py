"""A session: one pod in the account's own namespace, with its folders, as it chose from what the inventory offers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

from jinja2 import Environment, PackageLoader
from kubernetes_asyncio.client.rest import ApiException
from kubespawner import KubeSpawner
from tornado import web

from hub import availability
from hub.choices import Account, Choice, ChoiceError, account_of, choices, choose
from hub.cluster import Cluster
from hub.events import words
from hub.identity import Identity, IdentityError, Left
from hub.limits import CHARGED, DOMAIN, SESSION, Limits
from hub.settings import Settings

READY_S = 90.0
"""In which an account has its folders and its namespace; both are made by programs of their own."""
LOOK_S = 0.5
HOME = "/home/private"
QUEUE = "kueue.x-k8s.io/queue-name"
FORM = Environment(loader=PackageLoader("hub"), autoescape=True).get_template("choices.html")


class SessionSpawner(KubeSpawner):
    """KubeSpawner whose pods are the site's to shape."""

    site: Settings
    identity: Identity
    cluster: Cluster
    limits: Limits
    """The four are set once for the class."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._said: list[str] = []

    async def get_options_form(self) -> str:
        """Return the form: what the account may use, and how much of it there is now."""
        account = await self._account()
        offered = choices(self.site, account)
        nodes, pods = self.cluster.nodes(), self.cluster.pods()
        now = {one.name: availability.available(one, nodes, pods) for one in offered.gpus}
        shown = [(one, now[one.name], availability.words(now[one.name])) for one in offered.gpus]
        return FORM.render(offered=offered, gpus=shown, account=account, limits=self.site.group_gpus)

    def options_from_form(self, formdata: dict[str, list[str]]) -> dict[str, str]:
        """Return the names that were chosen."""
        return {
            name: values[0] for name, values in formdata.items() if name in ("image", "size", "gpu", "group") and values
        }

    async def _ensure_namespace(self) -> None:
        """Wait for what the site makes for a new account: numbers, folders, a namespace with its claims."""
        account = await self._account()
        try:
            async with asyncio.timeout(READY_S):
                await self._wait_for_folders(account.number)
                while not await self._has_claims(account):
                    self._say("Your namespace is being made.")
                    await asyncio.sleep(LOOK_S)
        except TimeoutError as error:
            raise web.HTTPError(
                503, f"Your folders were not made within {READY_S:.0f} s. Please tell the site's administrators."
            ) from error
        except Left as error:
            raise web.HTTPError(403, f"You cannot have a session: {error}.") from error

    async def _start(self) -> str:
        """Make the pod. Raises HTTPError with what the person is told."""
        self._said = []
        account = await self._account()
        try:
            choice = choose(choices(self.site, account), self.user_options)
            with self.limits.reserved(self.namespace, choice, self.cluster.pods()):
                self._shape(account, choice)
                return str(await super()._start())
        except ChoiceError as error:
            raise web.HTTPError(403, str(error)) from error

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what happens, in the words of who waits."""
        told, last, share = 0, "", 5.0
        while True:
            ended = self._start_future is not None and self._start_future.done()
            events = self.events if self.event_reflector else []
            lines = [*self._said, *(words(event) for event in events)]
            for line in lines[told:]:
                if line != last:
                    share += (90 - share) / 4
                    yield {"progress": int(share), "message": line}
                last = line
            told = len(lines)
            if ended:
                return
            await asyncio.sleep(LOOK_S)

    async def _account(self) -> Account:
        state = await self.user.get_auth_state()
        if not state:
            raise web.HTTPError(403, "Please log in again.")
        return account_of(state["account"])

    async def _wait_for_folders(self, number: int) -> None:
        while True:
            try:
                _, ready = await self.identity.account(number)
                if ready:
                    return
                self._say("Your folders are being made.")
            except Left:
                raise
            except IdentityError as error:
                self.log.warning("%s", error)
                self._say("The database of accounts does not answer; your session waits for it.")
            await asyncio.sleep(LOOK_S)

    async def _has_claims(self, account: Account) -> bool:
        """Whether all claims of the account can be read here: they are made last, and then the hub may read them."""
        try:
            listed = await self.api.list_namespaced_persistent_volume_claim(self.namespace)
        except ApiException as error:
            if error.status in (403, 404):
                return False
            raise
        bound = {one.metadata.name for one in listed.items if one.status.phase == "Bound"}
        return {"home", "environments", *(f"group-{team.number}" for team in account.teams)} <= bound

    def _say(self, line: str) -> None:
        if not self._said or self._said[-1] != line:
            self._said.append(line)

    def _shape(self, account: Account, choice: Choice) -> None:
        """Set what the pod is. The cluster's admission judges it once more."""
        self.image = choice.image.image
        self.cpu_limit, self.cpu_guarantee = choice.size.cpu, choice.size.cpu_request
        self.mem_limit = self.mem_guarantee = f"{choice.size.memory_gib}G"
        self.extra_resource_limits = {choice.gpu.resource: "1"} if choice.gpu else {}
        self.extra_resource_guarantees = dict(self.extra_resource_limits)
        self.node_selector = dict(choice.gpu.node_labels) if choice.gpu else {}
        self.tolerations = [{"key": "nvidia.com/gpu", "operator": "Exists"}] if choice.gpu else []
        self.uid = self.gid = account.number
        self.supplemental_gids = [team.number for team in account.teams]
        self.priority_class_name = self.site.priority_class
        self.extra_labels = {
            SESSION: "interactive",
            f"{DOMAIN}/account": str(account.number),
            CHARGED: str(choice.team.number if choice.team else 0),
            **({QUEUE: self.site.queue} if self.site.queue else {}),
        }
        self.extra_annotations = {
            f"{DOMAIN}/charged-group-name": choice.team.name if choice.team else "",
            f"{DOMAIN}/gpu": choice.gpu.name if choice.gpu else "",
        }
        claims = [("home", HOME, False), ("environments", "/home/envs", True)]
        claims += [(f"group-{team.number}", f"/home/shared-{folder_name(team.name)}", False) for team in account.teams]
        self.volumes = [
            {"name": name, "persistentVolumeClaim": {"claimName": name, "readOnly": readonly}}
            for name, _, readonly in claims
        ]
        self.volume_mounts = [
            {"name": name, "mountPath": path, "readOnly": readonly, "mountPropagation": "HostToContainer"}
            for name, path, readonly in claims
        ]
        self.environment = {"HOME": HOME}


def folder_name(group: str) -> str:
    """Return a group's name as the name of a folder."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", group).strip("-")
