# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The only I/O of this library: calls to the services of one project, and waiting for them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Optional, TypeVar

from .cloud import Cloud, Json, Limit

try:
    from keystoneauth1 import exceptions as auth_errors

    from openstack import exceptions as sdk_errors
    from openstack.config import OpenStackConfig
    from openstack.connection import Connection

    SDK_MISSING = ""
except ImportError as error:
    SDK_MISSING = str(error)

T = TypeVar("T")

VERSIONS = {"compute": "2.72", "block_storage": "3.59"}
"""The microversions of the answers that this library reads."""
RETRY_PAUSES = (0.5, 2.0)
"""Seconds before the second and the third attempt to read."""
PAGE = 500
CALL_TIMEOUT = 60.0
"""Seconds for one call."""

NOVA_LIMITS = {
    "cores": ("maxTotalCores", "totalCoresUsed"),
    "RAM (MB)": ("maxTotalRAMSize", "totalRAMUsed"),
    "instances": ("maxTotalInstances", "totalInstancesUsed"),
    "server groups": ("maxServerGroups", "totalServerGroupsUsed"),
    "server group members": ("maxServerGroupMembers", ""),
    "key pairs": ("maxTotalKeypairs", ""),
}
CINDER_LIMITS = {
    "volumes": ("maxTotalVolumes", "totalVolumesUsed"),
    "gigabytes": ("maxTotalVolumeGigabytes", "totalGigabytesUsed"),
}
NEUTRON_LIMITS = {
    "networks": "network",
    "subnets": "subnet",
    "routers": "router",
    "ports": "port",
    "floating IPs": "floatingip",
    "security groups": "security_group",
    "security group rules": "security_group_rule",
}


class CloudError(Exception):
    """The cloud refused, failed or did not finish in time; the text is for a person. ``status`` is HTTP's, or 0."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


def wait_until(poll: Callable[[], Optional[T]], seconds: float, blocker: Callable[[], str], pause: float = 0.5) -> T:
    """Poll every ``pause`` seconds until the answer is not None, then return it; the clock is monotonic.

    Raises CloudError with ``blocker()``'s text when ``seconds`` have passed.
    """
    deadline = time.monotonic() + seconds
    while (answer := poll()) is None:
        if time.monotonic() + pause > deadline:
            raise CloudError(f"{blocker()} (waited {seconds:.0f} s)")
        time.sleep(pause)
    return answer


def in_parallel(calls: list[Callable[[], T]], workers: int) -> list[T]:
    """Run the calls in threads and return their results in order; the first error is raised after all have ended."""
    if not calls:
        return []
    with ThreadPoolExecutor(max_workers=max(1, min(workers, len(calls)))) as pool:
        futures = [pool.submit(call) for call in calls]
    return [future.result() for future in futures]


def connect(cloud: str, clouds_file: str = "") -> Client:
    """Log in. Raises CloudError that names what is missing or wrong in the credentials, and the remedy."""
    if SDK_MISSING:
        raise CloudError(
            f"openstacksdk is missing on this host: {SDK_MISSING}. Remedy: pip install openstacksdk==4.12.0"
        )
    where = clouds_file or "OpenStack's usual places for clouds.yaml"
    if clouds_file and not os.path.isfile(clouds_file):
        raise CloudError(
            f"There are no credentials: {clouds_file} does not exist. Needed: a clouds.yaml with the cloud '{cloud}'."
            " Remedy: download it from the cloud's dashboard (API Access) and put it there, mode 0600."
        )
    try:
        config = OpenStackConfig(config_files=[clouds_file] if clouds_file else None)
        region = config.get_one(cloud=cloud)
        connection = Connection(config=region)
        connection.session.get_token()
        return Client(connection)
    except (auth_errors.Unauthorized, auth_errors.Forbidden, auth_errors.NotFound) as error:
        raise CloudError(
            f"The cloud '{cloud}' refuses the credentials in {where}: {error}. Remedy: correct them there."
        ) from error
    except (auth_errors.ConnectFailure, auth_errors.DiscoveryFailure, auth_errors.RequestTimeout) as error:
        raise CloudError(f"The cloud '{cloud}' does not answer: {error}. Remedy: check auth_url in {where}.") from error
    except Exception as error:  # keystoneauth raises a bare Exception when there is no password
        raise CloudError(
            f"The credentials of the cloud '{cloud}' are missing or incomplete in {where}: {error}."
            " Remedy: complete them."
        ) from error


class Client:
    """Calls the services of one project; safe to use from several threads."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.project: str = connection.current_project_id
        self._adapters: dict[str, Any] = {}
        self._discovery = threading.Lock()

    @property
    def has_volumes(self) -> bool:
        """Whether the cloud has block storage."""
        with self._discovery:
            return bool(self._connection.session.get_endpoint(service_type="block-storage", interface="public"))

    def _adapter(self, service: str) -> Any:
        """Return the transport to a service. The library's discovery of versions is not safe in threads."""
        with self._discovery:
            if service not in self._adapters:
                self._adapters[service] = getattr(self._connection, service)
            return self._adapters[service]

    def call(self, method: str, service: str, path: str, **arguments: Any) -> Any:
        """Call a service and return its JSON, or None when it has none. Raises CloudError with the service's words.

        Reading is tried again when the service fails or does not answer for a moment; a change never is.
        """
        for pause in RETRY_PAUSES if method == "GET" else ():
            try:
                return self._call_once(method, service, path, arguments)
            except CloudError as error:
                if 0 < error.status < 500:
                    raise
                time.sleep(pause)
        return self._call_once(method, service, path, arguments)

    def _call_once(self, method: str, service: str, path: str, arguments: Mapping[str, Any]) -> Any:
        version = {"microversion": VERSIONS[service]} if service in VERSIONS else {}
        # The library would repeat a change whose answer got lost, and so make some objects twice.
        transport = {"raise_exc": False, "timeout": CALL_TIMEOUT, "connect_retries": 0}
        where = f"The cloud's {service.replace('_', ' ')} service"
        try:
            answer = self._adapter(service).request(path, method, **transport, **version, **arguments)
        except (auth_errors.ClientException, sdk_errors.SDKException) as error:
            raise CloudError(f"{where} does not answer: {error}") from error
        if answer.status_code >= 500:
            raise CloudError(f"{where} failed at {method} {path}: {_words(answer)}", answer.status_code)
        if answer.status_code >= 400:
            raise CloudError(_words(answer), answer.status_code)
        return answer.json() if answer.content else None

    def listed(self, service: str, path: str, key: str, **query: Any) -> list[Json]:
        """Return a collection, all of its pages."""
        result: list[Json] = []
        query = {name: value for name, value in query.items() if value is not None}
        while True:
            page = self.call("GET", service, path, params=query)
            result.extend(page[key])
            more = page.get("next") or any(link.get("rel") == "next" for link in page.get(f"{key}_links") or ())
            if not more or not page[key]:
                return result
            query["marker"] = page[key][-1]["id"]

    def read(self) -> Cloud:
        """Read the project, all services at the same time."""
        own = {"project_id": self.project}
        lists: dict[str, tuple[str, str, str, dict[str, Any]]] = {
            "servers": ("compute", "/servers/detail", "servers", {}),
            "flavors": ("compute", "/flavors/detail", "flavors", {}),
            "server_groups": ("compute", "/os-server-groups", "server_groups", {}),
            "key_pairs": ("compute", "/os-keypairs", "keypairs", {}),
            "networks": ("network", "/networks", "networks", {}),
            "subnets": ("network", "/subnets", "subnets", {}),
            "routers": ("network", "/routers", "routers", own),
            "security_groups": ("network", "/security-groups", "security_groups", own),
            "ports": ("network", "/ports", "ports", own),
            "floating_ips": ("network", "/floatingips", "floatingips", own),
            "images": ("image", "/images", "images", {"limit": PAGE}),
        }
        if self.has_volumes:
            lists["volumes"] = ("block_storage", "/volumes/detail", "volumes", {})
        calls: list[Callable[[], Any]] = [
            partial(self.listed, service, path, key, **query) for service, path, key, query in lists.values()
        ]
        *answers, limits = in_parallel([*calls, self.limits], workers=8)
        found = dict(zip(lists, answers, strict=True))
        found["key_pairs"] = [item["keypair"] for item in found["key_pairs"]]
        limits["key pairs"] = Limit(limits["key pairs"].limit, len(found["key_pairs"]))
        return Cloud(project=self.project, limits=limits, **found)

    def limits(self) -> dict[str, Limit]:
        """Return the project's quotas and their use."""
        nova = self.call("GET", "compute", "/limits")["limits"]["absolute"]
        neutron = self.call("GET", "network", f"/quotas/{self.project}/details.json")["quota"]
        result = {name: Limit(nova[most], nova.get(used, 0)) for name, (most, used) in NOVA_LIMITS.items()}
        for name, key in NEUTRON_LIMITS.items():
            if key in neutron:
                result[name] = Limit(
                    neutron[key]["limit"], neutron[key]["used"] + int(neutron[key].get("reserved") or 0)
                )
        if self.has_volumes:
            cinder = self.call("GET", "block_storage", "/limits")["limits"]["absolute"]
            result.update({name: Limit(cinder[most], cinder[used]) for name, (most, used) in CINDER_LIMITS.items()})
        return result


def _words(answer: Any) -> str:
    """Return the message of a service's error; each service wraps it in another way."""
    try:
        body = answer.json()
    except ValueError:
        return f"{answer.status_code} {answer.reason}"
    while isinstance(body, dict) and body:
        body = body.get("message") or body.get("error_message") or next(iter(body.values()))
    return f"{body} (HTTP {answer.status_code})"
