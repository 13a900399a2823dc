# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a plan: the shared objects stage by stage, then every host in its own thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Optional

from .client import Client, CloudError, in_parallel
from .cloud import Cloud, Json, SiteView, address_of, floating_ip_description
from .known_hosts import forget_in_file
from .model import MARK, Host, Rule, Site
from .plan import Plan, Step
from .waiting import delete_server, wait_active, wait_volume


def _claims(step: Step) -> bool:
    """Whether a step makes a port with an address that is declared."""
    return (step.kind, step.action) == ("port", "create") and bool(step.data.fixed_ip)


class Builder:
    """Runs the steps of one plan. What a step makes is remembered, so that later steps find its id."""

    def __init__(
        self, client: Client, site: Site, cloud: Cloud, known_hosts: str, deadline: float, workers: int
    ) -> None:
        self.client = client
        self.site = site
        self.view = SiteView(site, cloud)
        self.known_hosts = known_hosts
        self.deadline = deadline
        self.workers = workers
        self.made: dict[tuple[str, str], Json] = {}

    def run(self, plan: Plan) -> dict[str, str]:
        """Run the plan. Return for each host that failed, why; an error of a shared object is raised as CloudError."""
        for stage in plan.of_site():
            in_parallel([partial(self._run_step, step) for step in stage], self.workers)
        lanes = {host.name: plan.of_host(host.name) for host in self.site.hosts}
        # Declared addresses come first: a port that may have any address would take one of them.
        failed = self._run_hosts({host: [step for step in steps if _claims(step)] for host, steps in lanes.items()})
        rest = {host: [step for step in steps if not _claims(step)] for host, steps in lanes.items()}
        return failed | self._run_hosts({host: steps for host, steps in rest.items() if host not in failed})

    def _run_hosts(self, lanes: dict[str, list[Step]]) -> dict[str, str]:
        lanes = {host: steps for host, steps in lanes.items() if steps}
        texts = in_parallel([partial(self._run_host, steps) for steps in lanes.values()], self.workers)
        return {host: text for host, text in zip(lanes, texts, strict=True) if text}

    def _run_host(self, steps: list[Step]) -> str:
        try:
            for step in steps:
                self._run_step(step)
        except CloudError as error:
            return str(error) if str(error).startswith(steps[0].host) else f"{steps[0].host}: {error}"
        return ""

    def _run_step(self, step: Step) -> None:
        method: Callable[[Step], Optional[Json]] = getattr(
            self, f"_{step.action}_{step.kind.lower().replace(' ', '_')}"
        )
        try:
            made = method(step)
        except CloudError as error:
            if step.host:
                raise
            raise CloudError(f"cannot {step}: {error}", error.status) from error
        if made is not None:
            self.made[step.kind, step.name] = made

    # Calls

    def _post(self, service: str, path: str, key: str, body: dict[str, Any]) -> Json:
        answer: Json = self.client.call("POST", service, path, json={key: body})[key]
        return answer

    def _found(self, kind: str, name: str, present: Optional[Json]) -> Json:
        item = self.made.get((kind, name)) or present
        if item is None:
            raise CloudError(f"{kind} {name} has disappeared meanwhile. Remedy: run again.")
        return item

    # Network

    def _create_network(self, step: Step) -> Json:
        return self._post("network", "/networks", "network", {"name": step.name, "description": self.site.mark})

    def _create_subnet(self, step: Step) -> Json:
        network = self._found("network", step.name, self.view.network)
        body = {
            "name": step.name,
            "description": self.site.mark,
            "network_id": network["id"],
            "ip_version": 6 if ":" in step.after["cidr"] else 4,
            "cidr": step.after["cidr"],
            "gateway_ip": step.after["gateway"],
            "dns_nameservers": step.after["dns"],
        }
        return self._post("network", "/subnets", "subnet", body)

    def _update_subnet(self, step: Step) -> None:
        body = {"subnet": {"dns_nameservers": step.after["dns"]}}
        self.client.call("PUT", "network", f"/subnets/{step.data}", json=body)

    def _gateway(self) -> dict[str, str]:
        return {"network_id": self._found("network", self.site.network.external, self.view.external)["id"]}

    def _create_router(self, step: Step) -> Json:
        body = {"name": step.name, "description": self.site.mark, "external_gateway_info": self._gateway()}
        return self._post("network", "/routers", "router", body)

    def _update_router(self, step: Step) -> None:
        body = {"router": {"external_gateway_info": self._gateway()}}
        self.client.call("PUT", "network", f"/routers/{step.data}", json=body)

    def _create_router_interface(self, step: Step) -> None:
        router = self._found("router", step.name, self.view.own(self.view.cloud.routers, step.name))
        body = {"subnet_id": self._found("subnet", step.name, self.view.subnet)["id"]}
        self.client.call("PUT", "network", f"/routers/{router['id']}/add_router_interface", json=body)

    # Security

    def _create_security_group(self, step: Step) -> Json:
        body = {"name": step.name, "description": step.after["description"]}
        return self._post("network", "/security-groups", "security_group", body)

    def _group_id(self, name: str) -> str:
        group = self._found("security group", name, self.view.own(self.view.cloud.security_groups, name))
        return str(group["id"])

    def _create_security_group_rule(self, step: Step) -> None:
        rule: Rule = step.data
        body = {
            "security_group_id": self._group_id(step.name),
            "direction": rule.direction,
            "ethertype": rule.ethertype,
            "protocol": rule.protocol or None,
            "port_range_min": rule.port_min or None,
            "port_range_max": rule.port_max or None,
            "remote_ip_prefix": rule.cidr or None,
            "remote_group_id": self._group_id(rule.group) if rule.group else None,
        }
        self._post("network", "/security-group-rules", "security_group_rule", body)

    def _delete_security_group_rule(self, step: Step) -> None:
        self.client.call("DELETE", "network", f"/security-group-rules/{step.data}")

    def _create_key_pair(self, step: Step) -> Json:
        body = {"name": step.name, "type": "ssh", "public_key": self.site.key_pair.public_key}
        return self._post("compute", "/os-keypairs", "keypair", body)

    def _create_server_group(self, step: Step) -> Json:
        body = {"name": step.name, "policy": step.after["policy"]}
        return self._post("compute", "/os-server-groups", "server_group", body)

    # Hosts

    def _create_port(self, step: Step) -> Json:
        host: Host = step.data
        network = self._found("network", self.site.network.name, self.view.network)
        subnet = self._found("subnet", self.site.network.name, self.view.subnet)
        address = {"subnet_id": subnet["id"], **({"ip_address": host.fixed_ip} if host.fixed_ip else {})}
        body = {
            "name": host.name,
            "description": self.site.mark,
            "network_id": network["id"],
            "fixed_ips": [address],
            "security_groups": [self._group_id(name) for name in host.security_groups],
        }
        return self._post("network", "/ports", "port", body)

    def _port(self, host: str) -> Json:
        return self._found("port", host, self.view.port(host))

    def _update_port(self, step: Step) -> None:
        body = {"port": {"security_groups": [self._group_id(name) for name in step.after["security groups"]]}}
        self.client.call("PUT", "network", f"/ports/{self._port(step.host)['id']}", json=body)

    def _create_volume(self, step: Step) -> Json:
        mark = {MARK: self.site.name, "ai_infn_host": step.host, "ai_infn_volume": step.data.name}
        body = {"name": step.name, "size": step.data.size, "metadata": mark}
        if step.data.type:
            body["volume_type"] = step.data.type
        return self._post("block_storage", "/volumes", "volume", body)

    def _create_server(self, step: Step) -> Json:
        host: Host = step.data
        port = self._port(host.name)
        # A machine made anew has new host keys: only now may the pinned ones go.
        floating = self.view.floating_ip(host.name) or {}
        names = {host.name, address_of(port), str(floating.get("floating_ip_address") or "")} - {""}
        forget_in_file(self.known_hosts, names)
        body: dict[str, Any] = {
            "name": host.name,
            "flavorRef": self._flavor(host.flavor),
            "imageRef": self._image(host.image),
            "key_name": self.site.key_pair.name,
            "networks": [{"port": port["id"]}],
            "metadata": {MARK: self.site.name},
        }
        if host.availability_zone:
            body["availability_zone"] = host.availability_zone
        request: dict[str, Any] = {"server": body}
        if host.server_group:
            present = next((g for g in self.view.cloud.server_groups if g["name"] == host.server_group), None)
            group = self._found("server group", host.server_group, present)
            request["os:scheduler_hints"] = {"group": group["id"]}
        server: Json = self.client.call("POST", "compute", "/servers", json=request)["server"]
        self.made["server", host.name] = server
        wait_active(self.client, host, server["id"], self.deadline)
        return server

    def _flavor(self, name: str) -> str:
        return str(next(item["id"] for item in self.view.cloud.flavors if item["name"] == name))

    def _image(self, name: str) -> str:
        """Return the id of the newest image of that name (clouds keep old ones), or of that id."""
        active = [
            image
            for image in self.view.cloud.images
            if image["status"] == "active" and name in (image["name"], image["id"])
        ]
        return str(max(active, key=lambda image: image["created_at"])["id"])

    def _server(self, host: str) -> Json:
        return self._found("server", host, self.view.server(host))

    def _delete_server(self, step: Step) -> None:
        server = self.view.server(step.host)
        if server is not None:
            delete_server(self.client, server, self.deadline)

    def _start_server(self, step: Step) -> None:
        server = self._server(step.host)
        self.client.call("POST", "compute", f"/servers/{server['id']}/action", json={"os-start": None})
        wait_active(self.client, step.data, server["id"], self.deadline)

    def _wait_server(self, step: Step) -> None:
        wait_active(self.client, step.data, self._server(step.host)["id"], self.deadline)

    def _attach_volume(self, step: Step) -> None:
        server = self._server(step.host)
        volume = self._found("volume", step.name, self.view.volume(step.host, step.data.name))
        wait_volume(self.client, volume, "available", "in-use")
        path = f"/servers/{server['id']}/os-volume_attachments"
        attached = self.client.listed("compute", path, "volumeAttachments")
        if all(item["volumeId"] != volume["id"] for item in attached):
            self._post("compute", path, "volumeAttachment", {"volumeId": volume["id"]})
        wait_volume(self.client, volume, "in-use")

    def _create_floating_ip(self, step: Step) -> Json:
        body = {
            "floating_network_id": self._found("network", self.site.network.external, self.view.external)["id"],
            "port_id": self._port(step.host)["id"],
            "description": floating_ip_description(self.site, step.host),
        }
        made = self._post("network", "/floatingips", "floatingip", body)
        forget_in_file(self.known_hosts, {made["floating_ip_address"]})
        return made

    def _update_floating_ip(self, step: Step) -> None:
        floating = self._found("floating IP", step.host, self.view.floating_ip(step.host))
        body = {"floatingip": {"port_id": self._port(step.host)["id"]}}
        self.client.call("PUT", "network", f"/floatingips/{floating['id']}", json=body)
