# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the whole inventory still needs from the project, against its quotas. Pure: no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional

from .cloud import Cloud, SiteView
from .model import Site
from .plan import Plan, Step

COUNTED = {
    "network": "networks",
    "subnet": "subnets",
    "router": "routers",
    "router interface": "ports",
    "security group": "security groups",
    "security group rule": "security group rules",
    "key pair": "key pairs",
    "server group": "server groups",
    "port": "ports",
    "floating IP": "floating IPs",
    "volume": "volumes",
    "server": "instances",
}
"""Which quota each kind of object that a plan creates counts against."""

EGRESS_RULES = 2
"""neutron gives each new security group this many rules."""


@dataclass(frozen=True)
class Line:
    """One line of the table. ``available`` is None for unlimited, or where the cloud names no limit."""

    resource: str
    needed: int
    available: Optional[int]

    @property
    def shortage(self) -> int:
        """How many are missing."""
        return 0 if self.available is None else max(0, self.needed - self.available)


def compare(site: Site, cloud: Cloud, plan: Plan) -> list[Line]:
    """Return needed and available of each resource of which the plan needs any.

    What exists already is in the quota's ``used``, so only what the plan creates is counted; a server that is deleted
    and created again needs nothing more. cores in vCPUs, RAM in MB, gigabytes in GiB.
    """
    needed = _demand(site, cloud, plan.steps)
    lines = [
        Line(resource, count, cloud.limits[resource].available if resource in cloud.limits else None)
        for resource, count in sorted(needed.items())
        if count > 0
    ]
    return lines + _server_group_members(site, cloud)


def _demand(site: Site, cloud: Cloud, steps: Iterable[Step]) -> Counter[str]:
    created = [step for step in steps if step.action == "create" and step.kind in COUNTED]
    removed = [step for step in steps if step.action == "delete" and step.kind in COUNTED]
    needed = Counter(COUNTED[step.kind] for step in created)
    needed.subtract(Counter(COUNTED[step.kind] for step in removed))
    needed["security group rules"] += EGRESS_RULES * sum(step.kind == "security group" for step in created)
    view = SiteView(site, cloud)
    flavors = {flavor["name"]: flavor for flavor in cloud.flavors}
    for step in created:
        if step.kind == "server" and view.server(step.host) is None and step.data.flavor in flavors:
            needed["cores"] += flavors[step.data.flavor]["vcpus"]
            needed["RAM (MB)"] += flavors[step.data.flavor]["ram"]
        if step.kind == "volume":
            needed["gigabytes"] += step.data.size
    return needed


def _server_group_members(site: Site, cloud: Cloud) -> list[Line]:
    """Return a line for each server group with more hosts than the cloud lets it have."""
    limit = cloud.limits.get("server group members")
    members = Counter(host.server_group for host in site.hosts if host.server_group)
    if limit is None or limit.limit < 0:
        return []
    return [
        Line(f"members of server group {name}", count, limit.limit)
        for name, count in sorted(members.items())
        if count > limit.limit
    ]


def shortages(lines: Iterable[Line]) -> list[Line]:
    """Return the lines that cannot be satisfied."""
    return [line for line in lines if line.shortage]


def table(lines: Sequence[Line]) -> str:
    """Return a table of needed, available and shortage for people."""
    rows = [("resource", "needed", "available", "shortage")]
    for line in lines:
        available = "unlimited" if line.available is None else str(line.available)
        rows.append((line.resource, str(line.needed), available, str(line.shortage or "-")))
    width = max(len(row[0]) for row in rows)
    return "\n".join(f"{row[0]:<{width}}  {row[1]:>8}  {row[2]:>10}  {row[3]:>8}" for row in rows)
