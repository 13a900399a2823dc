"""The network lets through what the database needs, and no more."""

from __future__ import annotations

from typing import Any

import yaml
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.model import site_from_options

from tests.support import ROOT
from tests.unit.openstack.answers import options


def openings(*hosts: tuple[str, str]) -> dict[str, set[str]]:
    """Return the rules from groups by security group, for hosts as (name, inventory group)."""
    layers = [yaml.safe_load(path.read_text()) for path in (ROOT / "playbooks/layers").glob("*/security_groups.yml")]
    groups: dict[str, Any] = {name: group for layer in layers for name, group in layer["security_groups"].items()}
    declared = [{"name": name, "groups": [group], "flavor": "small", "image": "debian"} for name, group in hosts]
    site = site_from_options({**options(), "security_groups": groups, "hosts": declared})
    return {group.name: {str(rule) for rule in group.rules if rule.group} for group in site.security_groups}


def test_servers_are_open_to_the_sites_hosts_and_voters_to_voters_and_servers() -> None:
    found = openings(("db-1", "postgresql"), ("voter-1", "etcd"), ("backup-1", "postgresql_backup"))
    assert found["lab-database"] == {
        "ingress IPv4 tcp 5432-5432 from group lab-database",
        "ingress IPv4 tcp 5432-5432 from group lab-host",
        "ingress IPv4 tcp 8008-8008 from group lab-host",
        "ingress IPv4 tcp 8432-8432 from group lab-database-backup",
    }
    assert found["lab-etcd"] == {
        "ingress IPv4 tcp 2379-2380 from group lab-etcd",
        "ingress IPv4 tcp 2379-2379 from group lab-database",
    }


def test_who_keeps_backups_is_open_to_servers_and_they_to_it() -> None:
    found = openings(("db-1", "postgresql"), ("backup-1", "postgresql_backup"))
    assert found["lab-database-backup"] == {"ingress IPv4 tcp 8432-8432 from group lab-database"}


def test_a_site_without_a_database_has_no_such_groups() -> None:
    assert not {"lab-database", "lab-database-backup", "lab-etcd"} & openings(("worker-1", "kube_worker")).keys()
