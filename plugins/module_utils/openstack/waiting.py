# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Wait for what the cloud does in its own time: servers and volumes."""

from __future__ import annotations

from typing import Any, Optional

from .client import Client, CloudError, wait_until
from .cloud import Json, fault_text
from .model import Host
from .plan import BROKEN

VOLUME_DEADLINE = 300.0
"""Seconds for a volume to be made, attached or detached."""


def wait_active(client: Client, host: Host, server_id: str, deadline: float) -> None:
    """Wait until a server is active. Raises CloudError when it goes to ERROR, saying why, or after ``deadline`` s."""
    last: dict[str, Any] = {}

    def poll() -> Optional[bool]:
        last.update(client.call("GET", "compute", f"/servers/{server_id}")["server"])
        if last["status"] == BROKEN:
            raise CloudError(why_broken(host, last))
        return True if last["status"] == "ACTIVE" else None

    # One question costs nova several to other services, and no server is active at once: ask once a second.
    wait_until(poll, deadline, lambda: f"{host.name}: the server is still {last.get('status')}, not ACTIVE", pause=1.0)


def wait_volume(client: Client, volume: Json, *wanted: str) -> None:
    """Wait until a volume is in one of the wanted states."""
    last: dict[str, Any] = {}

    def poll() -> Optional[bool]:
        last.update(client.call("GET", "block_storage", f"/volumes/{volume['id']}")["volume"])
        if last["status"] in wanted:
            return True
        if last["status"].startswith("error"):
            raise CloudError(
                f"volume {volume['name']} went to {last['status']}."
                " Remedy: look at it in the cloud, delete it and run again."
            )
        return None

    blocker = f"volume {volume['name']} is not {' or '.join(wanted)}"
    wait_until(poll, VOLUME_DEADLINE, lambda: f"{blocker}, but {last.get('status')}")


def why_broken(host: Host, server: Json) -> str:
    """Say why a server that was just made is in ERROR; a lack of room names host and flavor."""
    text = fault_text(server)
    if "No valid host" in text:
        return (
            f"{host.name}: No valid host for flavor {host.flavor}: {text}"
            " Remedy: ask the cloud's administrators for room,"
            " or declare another flavor; the next run tries again."
        )
    return f"{host.name}: the server went to ERROR: {text}. The next run deletes it and tries again."


def delete_server(client: Client, server: Json, deadline: float) -> None:
    """Delete a server and wait until it is gone; one that is gone already is fine."""
    path = f"/servers/{server['id']}"
    last: dict[str, Any] = {}

    def gone() -> Optional[bool]:
        try:
            last.update(client.call("GET", "compute", path)["server"])
        except CloudError as error:
            if error.status == 404:
                return True
            raise
        return None

    try:
        client.call("DELETE", "compute", path)
    except CloudError as error:
        if error.status != 404:
            raise
    wait_until(gone, deadline, lambda: f"{server['name']}: the server is still {last.get('status')}, not deleted")
