# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps from a project as it is to the site as declared.

One plan: check mode returns it, diff shows it, apply runs it. Pure: no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any, Optional

from .cloud import Cloud, Json, SiteView, address_of, fault_text, rule_of
from .model import Host, SecurityGroup, Site, Volume

UNKNOWN = "(known only once it exists)"
BROKEN = "ERROR"
STEADY = {"ACTIVE", "BUILD", "REBOOT", "HARD_REBOOT", "SHUTOFF", BROKEN}


@dataclass(frozen=True)
class Step:
    """One change.

    Steps of one ``stage`` do not depend on each other; a host's steps run in their order, after all stages.

    ``before`` and ``after`` are what a person is shown; ``data`` is what the call needs beyond them.
    Action ``wait`` changes nothing: a change of an earlier, interrupted run is still under way.
    """

    kind: str
    name: str
    action: str
    before: Json = field(default_factory=dict)
    after: Json = field(default_factory=dict)
    data: Any = None
    stage: int = 0
    host: str = ""

    @property
    def changes(self) -> bool:
        """Whether the step alters the project."""
        return self.action != "wait"

    def __str__(self) -> str:
        return f"{self.action} {self.kind} {self.name}"


@dataclass(frozen=True)
class Plan:
    """The steps in order, and for each host that cannot be brought to its state, why."""

    steps: tuple[Step, ...]
    failures: dict[str, str]

    @property
    def changed(self) -> bool:
        """Whether any step alters the project."""
        return any(step.changes for step in self.steps)

    def of_site(self) -> list[list[Step]]:
        """Return the steps that serve all hosts, grouped by stage."""
        shared = [step for step in self.steps if not step.host]
        return [[s for s in shared if s.stage == stage] for stage in sorted({step.stage for step in shared})]

    def of_host(self, host: str) -> list[Step]:
        """Return the steps of one host."""
        return [step for step in self.steps if step.host == host]


def make_plan(site: Site, cloud: Cloud) -> Plan:
    """Compute the steps from the cloud's answers to the wanted site."""
    view = SiteView(site, cloud)
    failures = {host.name: text for host in site.hosts if (text := _obstacle(view, host))}
    steps = [*_network(view), *_security_groups(view), *_key_pair(view), *_server_groups(view)]
    for host in site.hosts:
        if host.name not in failures:
            steps.extend(_host(view, host))
    return Plan(tuple(steps), failures)


def _network(view: SiteView) -> Iterator[Step]:
    wanted, mark = view.site.network, view.site.mark
    if wanted.existing:
        return
    if view.network is None:
        yield Step("network", wanted.name, "create", after={"description": mark, "mtu": UNKNOWN})
    dns = list(wanted.dns)
    gateway = str(ip_network(wanted.cidr)[1])
    subnet = view.subnet
    if subnet is None:
        after = {"network": wanted.name, "cidr": wanted.cidr, "gateway": gateway, "dns": dns}
        yield Step("subnet", wanted.name, "create", after=after, stage=1)
    elif sorted(subnet["dns_nameservers"]) != sorted(dns):
        before = {"dns": subnet["dns_nameservers"]}
        yield Step("subnet", wanted.name, "update", before, {"dns": dns}, subnet["id"], stage=1)
    if wanted.has_router:
        yield from _router(view, gateway)


def _router(view: SiteView, gateway: str) -> Iterator[Step]:
    name = view.site.network.name
    router = view.own(view.cloud.routers, name)
    gateway_of_router = {"external network": view.site.network.external, "external address": UNKNOWN}
    if router is None:
        yield Step("router", name, "create", after=gateway_of_router, stage=1)
    elif not router.get("external_gateway_info"):
        yield Step("router", name, "update", {"external network": ""}, gateway_of_router, router["id"], stage=1)
    subnet = view.subnet
    joined = (
        router
        and subnet
        and any(
            port["device_id"] == router["id"] and any(ip["subnet_id"] == subnet["id"] for ip in port["fixed_ips"])
            for port in view.cloud.ports
        )
    )
    if not joined:
        yield Step("router interface", name, "create", after={"subnet": name, "address": gateway}, stage=2)


def _security_groups(view: SiteView) -> Iterator[Step]:
    names = {group["id"]: group["name"] for group in view.cloud.security_groups}
    for wanted in view.site.security_groups:
        group = view.own(view.cloud.security_groups, wanted.name)
        if group is None:
            text = f"{view.site.mark}: {wanted.description}"
            yield Step("security group", wanted.name, "create", after={"description": text})
        yield from _rules(wanted, group, names)


def _rules(wanted: SecurityGroup, group: Optional[Json], names: dict[str, str]) -> Iterator[Step]:
    """Make the set of rules exact. Of a new group, the rules for egress come with it."""
    kind = "security group rule"
    present = {rule_of(rule, names): rule["id"] for rule in (group or {}).get("security_group_rules", ())}
    for rule in sorted(wanted.rules - present.keys()):
        if group is not None or rule.direction == "ingress":
            yield Step(kind, wanted.name, "create", after={"rule": str(rule)}, data=rule, stage=1)
    for rule in sorted(present.keys() - wanted.rules):
        yield Step(kind, wanted.name, "delete", before={"rule": str(rule)}, data=present[rule], stage=1)


def _key_pair(view: SiteView) -> Iterator[Step]:
    wanted = view.site.key_pair
    if not any(key["name"] == wanted.name for key in view.cloud.key_pairs):
        text = " ".join(wanted.public_key.split()[:2]) or UNKNOWN
        yield Step("key pair", wanted.name, "create", after={"public key": text})


def _server_groups(view: SiteView) -> Iterator[Step]:
    present = {group["name"] for group in view.cloud.server_groups}
    for name, policy in sorted(view.site.server_groups.items()):
        if name not in present:
            yield Step("server group", name, "create", after={"policy": policy})


def _obstacle(view: SiteView, host: Host) -> str:
    """Say why a host cannot be brought to its state without a person, or nothing."""
    server = view.server(host.name)
    if server is not None and server["status"] == BROKEN and server.get("OS-SRV-USG:launched_at"):
        return (
            f"{host.name}: the server ran before and is now in ERROR: {fault_text(server)}. Its disk may hold data:"
            " it is not made anew by itself. Remedy: repair it in the cloud, or remove_node.yml and run again."
        )
    if server is not None and server["status"] not in STEADY:
        return (
            f"{host.name}: the server is {server['status']}. Needed: ACTIVE."
            " Remedy: resume it in the cloud and run again."
        )
    for wanted in host.volumes:
        volume = view.volume(host.name, wanted.name)
        if volume is not None and volume["status"].startswith("error"):
            return (
                f"{host.name}: volume {volume['name']} is in {volume['status']}."
                " Remedy: repair or delete it in the cloud and run again."
            )
        holders = {attachment["server_id"] for attachment in (volume or {}).get("attachments", ())}
        if holders - {(server or {}).get("id")}:
            return (
                f"{host.name}: volume {wanted.name} is attached to another server ({', '.join(holders)})."
                " Remedy: detach it and run again."
            )
    return ""


def _host(view: SiteView, host: Host) -> Iterator[Step]:
    for wanted in host.volumes:
        if view.volume(host.name, wanted.name) is None:
            yield _create_volume(host, wanted)
    yield from _port(view, host)
    yield from _server(view, host)
    server = view.server(host.name)
    for wanted in host.volumes:
        volume = view.volume(host.name, wanted.name)
        if not _is_attached(volume, server):
            after = {"server": host.name, "device": UNKNOWN}
            yield Step("volume", f"{host.name}-{wanted.name}", "attach", after=after, data=wanted, host=host.name)
    if host.floating_ip:
        yield from _floating_ip(view, host)


def _create_volume(host: Host, wanted: Volume) -> Step:
    after = {"size": f"{wanted.size} GiB", "type": wanted.type or "the cloud's default"}
    return Step("volume", f"{host.name}-{wanted.name}", "create", after=after, data=wanted, host=host.name)


def _must_go(server: Json) -> bool:
    """Say whether a server is of no use any more: it never ran, or an interrupted run was deleting it."""
    return server["status"] == BROKEN or server.get("OS-EXT-STS:task_state") == "deleting"


def _is_attached(volume: Optional[Json], server: Optional[Json]) -> bool:
    if volume is None or server is None or _must_go(server):
        return False
    return any(attachment["server_id"] == server["id"] for attachment in volume.get("attachments", ()))


def _port(view: SiteView, host: Host) -> Iterator[Step]:
    groups = sorted(host.security_groups)
    port = view.port(host.name)
    if port is None:
        after = {"network": view.site.network.name, "address": host.fixed_ip or UNKNOWN, "security groups": groups}
        yield Step("port", host.name, "create", after=after, data=host, host=host.name)
        return
    names = {group["id"]: group["name"] for group in view.cloud.security_groups}
    present = sorted(names.get(group, group) for group in port["security_groups"])
    if present != groups:
        before, after = {"security groups": present}, {"security groups": groups}
        yield Step("port", host.name, "update", before, after, host, host=host.name)


def _server(view: SiteView, host: Host) -> Iterator[Step]:
    server = view.server(host.name)
    status = server["status"] if server else ""
    if server is not None and _must_go(server):
        before = {"status": status, "fault": fault_text(server)} if status == BROKEN else {"status": "being deleted"}
        yield Step("server", host.name, "delete", before, data=host, host=host.name)
        server = None
    if server is None:
        yield Step("server", host.name, "create", after=_server_shown(view, host), data=host, host=host.name)
    elif status == "SHUTOFF" and not server.get("OS-EXT-STS:task_state"):
        yield Step("server", host.name, "start", {"status": status}, {"status": "ACTIVE"}, host, host=host.name)
    elif status != "ACTIVE":
        yield Step("server", host.name, "wait", {"status": status}, {"status": "ACTIVE"}, host, host=host.name)


def _server_shown(view: SiteView, host: Host) -> dict[str, Any]:
    optional = {"server group": host.server_group, "availability zone": host.availability_zone}
    return {
        "flavor": host.flavor,
        "image": host.image,
        "key pair": view.site.key_pair.name,
        "address": address_of(view.port(host.name)) or host.fixed_ip or UNKNOWN,
        "status": "ACTIVE",
        **{key: value for key, value in optional.items() if value},
    }


def _floating_ip(view: SiteView, host: Host) -> Iterator[Step]:
    present = view.floating_ip(host.name)
    port = view.port(host.name)
    if present is None:
        after = {"network": view.site.network.external, "port": host.name, "address": UNKNOWN}
        yield Step("floating IP", host.name, "create", after=after, data=host, host=host.name)
    elif port is None or present["port_id"] != port["id"]:
        before, after = {"port": ""}, {"port": host.name, "address": present["floating_ip_address"]}
        yield Step("floating IP", host.name, "update", before, after, host, host=host.name)


def as_diff(steps: Iterable[Step]) -> list[dict[str, str]]:
    """Return Ansible's diff: one entry a step that changes something."""
    return [
        {
            "before_header": f"{step.kind} {step.name}",
            "after_header": f"{step.kind} {step.name} ({step.action})",
            "before": _lines(step.before),
            "after": _lines(step.after),
        }
        for step in steps
        if step.changes
    ]


def _lines(shown: Json) -> str:
    values = {key: ", ".join(map(str, value)) if isinstance(value, list) else value for key, value in shown.items()}
    return "".join(f"{key}: {value}\n" for key, value in values.items())
