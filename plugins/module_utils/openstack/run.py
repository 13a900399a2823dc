# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read, plan, refuse or run, and report: what the modules for a whole site do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from .apply import Builder
from .client import Client, CloudError
from .cloud import Cloud, SiteView, address_of
from .lock import site_lock
from .model import Site
from .plan import UNKNOWN, Plan, as_diff, make_plan
from .problems import duplicate_addresses, duplicate_names, find_problems
from .quota import Line, compare, shortages, table


def inspect(site: Site, cloud: Cloud, other_hosts: Optional[Mapping[str, str]] = None) -> tuple[list[str], list[Line]]:
    """Return every problem of a declared site in its project (none: it can be built), and its use of the quotas."""
    others = other_hosts or {}
    problems = [
        *duplicate_names([host.name for host in site.hosts] + list(others)),
        *duplicate_addresses(site.hosts, others),
        *find_problems(site, cloud),
    ]
    lines = compare(site, cloud, make_plan(site, cloud))
    if shortages(lines):
        head = (
            f"The project's quotas are too small for site {site.name}."
            " Remedy: ask the cloud's administrators, or declare less."
        )
        problems.append(f"{head}\n{table(shortages(lines))}")
    return problems, lines


def bring_to_state(client: Client, site: Site, options: Mapping[str, Any], dry: bool) -> dict[str, Any]:
    """Bring the project to the declared state and return the module's result.

    Raises CloudError before the first change when the declaration cannot be met.
    """
    if dry:
        cloud, plan = _checked_plan(client, site)
        failed = dict(plan.failures)
    else:
        with site_lock(options["known_hosts"], options["server_deadline"]):
            cloud, plan = _checked_plan(client, site)
            failed = dict(plan.failures)
            if plan.steps:
                deadline, workers = options["server_deadline"], options["workers"]
                failed.update(Builder(client, site, cloud, options["known_hosts"], deadline, workers).run(plan))
                cloud = client.read()
    return {
        "changed": plan.changed,
        "steps": [str(step) for step in plan.steps],
        "diff": as_diff(plan.steps),
        "servers": servers_of(site, cloud, plan),
        "failed_servers": failed,
        "undeclared": [server["name"] for server in SiteView(site, cloud).undeclared()],
        "planned": unpredictable(site, plan) if dry else {},
    }


def _checked_plan(client: Client, site: Site) -> tuple[Cloud, Plan]:
    cloud = client.read()
    problems, _lines = inspect(site, cloud)
    if problems:
        raise CloudError("\n".join(problems))
    return cloud, make_plan(site, cloud)


def servers_of(site: Site, cloud: Cloud, plan: Plan) -> dict[str, Any]:
    """Describe the declared hosts that exist."""
    view = SiteView(site, cloud)
    made = {step.host for step in plan.steps if (step.kind, step.action) == ("server", "create")}
    result = {}
    for host in site.hosts:
        server = view.server(host.name)
        if server is None:
            continue
        volumes = {volume.name: view.volume(host.name, volume.name) for volume in host.volumes}
        result[host.name] = {
            "id": server["id"],
            "status": server["status"],
            "address": address_of(view.port(host.name)),
            "floating_ip": (view.floating_ip(host.name) or {}).get("floating_ip_address", ""),
            "created": host.name in made,
            "volumes": {name: _attached(volume, server["id"]) for name, volume in volumes.items() if volume},
        }
    return result


def _attached(volume: Mapping[str, Any], server_id: str) -> dict[str, str]:
    devices = [item.get("device") or "" for item in volume["attachments"] if item["server_id"] == server_id]
    # virtio shows the first 20 characters of the volume's id as the disk's serial number.
    path = f"/dev/disk/by-id/virtio-{volume['id'][:20]}"
    return {"id": volume["id"], "device": next(iter(devices), ""), "path": path}


def unpredictable(site: Site, plan: Plan) -> dict[str, list[str]]:
    """Return for each host what the plan cannot know before it exists."""
    result: dict[str, list[str]] = {}
    for host in site.hosts:
        steps = plan.of_host(host.name)
        names = [f"{step.kind} {key}" for step in steps for key, value in step.after.items() if value == UNKNOWN]
        if any((step.kind, step.action) == ("server", "create") for step in steps):
            names.append("all that is configured on it")
        if names:
            result[host.name] = list(dict.fromkeys(names))
    return result
