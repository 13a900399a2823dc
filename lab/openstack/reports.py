"""What the cloud's programs must have told each other before tenants ask it for anything."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from openstack.connection import Connection

from lab import settings
from lab.commands import run
from lab.drivers.nova import inventory
from lab.openstack import build, config, services

REPORTING = {
    **{f"nova-compute-{host}": ("nova-compute", host) for host in settings.GPU_SERVERS},
    **{
        name: (name, "controller") for name in ("nova-conductor", "nova-scheduler", "cinder-scheduler", "cinder-volume")
    },
}
"""Programs without a port, and the (binary, host) under which they report."""


def missing_reports(reports: Mapping[tuple[str, str], str | None], started: Mapping[str, datetime]) -> list[str]:
    """Names of the programs whose last report, (binary, host) -> time, is older than their start or absent."""
    late = []
    for name, key in REPORTING.items():
        reported = reports.get(key)
        if not reported or datetime.fromisoformat(reported.removesuffix("Z")).replace(tzinfo=UTC) < started[name]:
            late.append(name)
    return late


def wait_for_reports(cloud: Connection, started: Mapping[str, datetime], deadline: float = 240) -> None:
    """Wait until every worker that has no port of its own has reported since it started, and nova knows its hosts."""
    _outwait(lambda: missing_reports(_reports(cloud), started), deadline, "no report")
    if {server.name for server in cloud.compute.hypervisors()} < set(settings.GPU_SERVERS):
        program, settled = build.environment_folder() / "bin/nova-manage", config.ETC / "nova/nova.conf"
        environment = services.environment() | {settings.PROCESS_MARK: "1"}
        run([program, "--config-file", settled, "cell_v2", "discover_hosts"], environment=environment)


def wait_for_cards(cloud: Connection, deadline: float = 120) -> None:
    """Wait until placement knows the cards of every GPU server; a server that wants one would find no host before."""

    def late() -> list[str]:
        missing = {host: missing_cards(inventory.server(host), _offered(cloud, host)) for host in settings.GPU_SERVERS}
        return [f"nova-compute-{host}" for host, cards in missing.items() if cards]

    _outwait(late, deadline, "no cards in placement")


def wait_for_volumes(cloud: Connection, deadline: float = 120) -> None:
    """Wait until cinder's scheduler knows where volumes have room; one that was wanted before would go to error."""
    block_storage: Any = cloud.block_storage

    def late() -> list[str]:
        return [] if list(block_storage.backend_pools()) else ["cinder-volume"]

    _outwait(late, deadline, "no room for volumes")


def _outwait(late: Callable[[], list[str]], deadline: float, lacking: str) -> None:
    """Wait until no program is late. Raises TimeoutError, which says what is lacking of which."""
    limit = time.monotonic() + deadline
    while names := late():
        if time.monotonic() > limit:
            raise TimeoutError(
                f"{lacking} after {deadline:.0f} s from {', '.join(names)}; see `python -m lab logs {names[0]}`"
            )
        time.sleep(0.3)


def missing_cards(server: inventory.Server, offered: Mapping[str, int]) -> list[str]:
    """Resource classes of cards of which placement does not know as many as a server has."""
    return [name for name, number in server.gpus.items() if offered.get(name) != number]


def _offered(cloud: Connection, host: str) -> dict[str, int]:
    found = [provider for provider in cloud.placement.resource_providers(name=host) if provider.name == host]
    each = (cloud.placement.resource_provider_inventories(provider) for provider in found)
    return {entry.resource_class: entry.total for entries in each for entry in entries}


def _reports(cloud: Connection) -> dict[tuple[str, str], str | None]:
    volume = cloud.block_storage.services()
    return {
        (service.binary, service.host.partition("@")[0]): service.updated_at
        for service in (*cloud.compute.services(), *volume)
        if getattr(service, "state", "up") == "up"
    }
