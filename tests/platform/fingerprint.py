"""Everything that a run without changes must leave alone, as a flat mapping that can be compared line by line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.platform.site import Lab

HOST_SCRIPT = r"""
find /etc -xdev -type f -printf 'file %p %T@ %s\n'
find /etc -xdev -type f -exec sha256sum {} + | awk '{print "content " $2 " " $1}'
for unit in $(systemctl list-units --type=service --state=running --no-legend --plain | awk '{print $1}'); do
  case $unit in user@*|session-*|systemd-*|getty*|console-getty*) continue ;; esac
  echo "unit $unit $(systemctl show --value -p ActiveEnterTimestampMonotonic $unit)"
done
ctr -n k8s.io tasks ls -q 2>/dev/null | awk '{print "container " $1 " running"}'
"""

KINDS = (
    "daemonsets,deployments,services,networkpolicies,configmaps,secrets,serviceaccounts,priorityclasses,"
    "clusterroles,clusterrolebindings,roles,rolebindings,customresourcedefinitions,apiservices,storageclasses,"
    "validatingadmissionpolicies,validatingadmissionpolicybindings"
)


def host_facts(lab: Lab, host: str) -> dict[str, str]:
    """Return files with mtime and content under /etc, start times of running services, and ids of containers."""
    lines = lab.ssh(host).run(HOST_SCRIPT).stdout.splitlines()
    return {f"{host} {kind} {name}": rest for kind, name, rest in (line.split(" ", 2) for line in lines if line)}


def object_facts(items: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return the generation of each API object, or its resource version where the kind has no generation."""
    facts = {}
    for item in items:
        meta = item["metadata"]
        name = f"{item['kind']} {meta.get('namespace', '-')}/{meta['name']}"
        facts[name] = (
            f"generation {meta['generation']}" if "generation" in meta else f"version {meta['resourceVersion']}"
        )
    return facts


def pod_facts(items: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return the restart counts of each pod; pods are told apart by uid."""
    return {
        f"Pod {item['metadata']['namespace']}/{item['metadata']['name']} {item['metadata']['uid']}": json.dumps(
            [status["restartCount"] for status in item["status"].get("containerStatuses", [])]
        )
        for item in items
    }


def node_facts(items: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return labels, taints and schedulability of each node; its heartbeat changes all the time and is left out."""
    return {
        f"Node {item['metadata']['name']}": json.dumps([item["metadata"]["labels"], item["spec"]], sort_keys=True)
        for item in items
    }


def cloud_facts(tenant: Any) -> dict[str, str]:
    """Return when each object of the project was last updated."""
    network = tenant.network
    found: dict[str, str] = {}
    for kind, objects in (
        ("server", tenant.compute.servers()),
        ("network", network.networks()),
        ("subnet", network.subnets()),
        ("port", network.ports()),
        ("security group", network.security_groups()),
        ("security group rule", network.security_group_rules()),
        ("router", network.routers()),
        ("floating IP", network.ips()),
        ("volume", tenant.block_storage.volumes()),
    ):
        found |= {f"cloud {kind} {each.name or ''} {each.id}": str(each.updated_at) for each in objects}
    return found


def fingerprint(lab: Lab, hosts: Iterable[str]) -> dict[str, str]:
    """Return the fingerprint of the whole site."""
    with ThreadPoolExecutor() as pool:
        parts = list(pool.map(lambda host: host_facts(lab, host), hosts))
    facts = {key: value for part in parts for key, value in part.items()}
    facts |= object_facts(lab.objects(KINDS)) | pod_facts(lab.objects("pods")) | node_facts(lab.objects("nodes"))
    return facts | cloud_facts(lab.tenant)


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return a line for everything that appeared, went or changed."""
    return [
        f"{key}: {before.get(key, 'absent')} -> {after.get(key, 'absent')}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]
