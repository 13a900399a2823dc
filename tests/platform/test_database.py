"""The lab's database cluster, by the site's own playbooks: another leader, and a host that goes and comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.platform.site import Lab
from tests.platform.subjects import DATABASE, HOST

HOSTS = ("db-1", "db-2", "db-3")

pytestmark = [
    pytest.mark.rotation(
        "database",
        *HOST,
        *DATABASE,
        "playbooks/switchover.yml",
        "playbooks/remove_node.yml",
        "tests/platform/test_database.py",
    ),
    pytest.mark.duration(300),
]


def seen(lab: Lab, host: str) -> dict[str, Any]:
    """What the agent's program says on a host."""
    return dict(json.loads(lab.ssh(host).run("postgresql-failover status").stdout))


def standbys(lab: Lab) -> tuple[str, ...]:
    leader = seen(lab, HOSTS[0])["leader"]
    return tuple(host for host in HOSTS if host != leader)


def voters(lab: Lab, host: str) -> set[str]:
    """Who votes, as a host's etcd says."""
    pki = "/etc/ai-infn/pki"
    command = f"etcdctl --cacert={pki}/ca.crt --cert={pki}/host.crt --key={pki}/host.key member list -w json"
    return {member.get("name", "") for member in json.loads(lab.ssh(host).run(command).stdout)["members"]}


def test_a_switchover_makes_a_standby_lead_and_a_run_leaves_it_leading(lab: Lab) -> None:
    wanted, _other = standbys(lab)
    shown = lab.playbook("switchover", extra={"node": wanted}, check=True).assert_ok()
    assert len(shown.changed) == 1 and seen(lab, wanted)["leader"] != wanted
    lab.playbook("switchover", extra={"node": wanted}).assert_ok()
    assert seen(lab, wanted)["leader"] == wanted
    lab.playbook("switchover", extra={"node": wanted}).assert_unchanged()
    lab.assert_ok(within=60)
    lab.playbook("database").assert_unchanged()
    assert seen(lab, wanted)["leader"] == wanted


def test_who_leads_is_not_removed(lab: Lab) -> None:
    leader = seen(lab, HOSTS[0])["leader"]
    run = lab.playbook("remove_node", extra={"node": leader})
    assert run.rc != 0 and f"{leader} leads cluster lab" in run.failures and run.changed == []


def test_a_standby_that_votes_is_removed_and_comes_back_with_an_empty_disk(mended: Lab) -> None:
    leaving, other = standbys(mended)
    leader = seen(mended, other)["leader"]
    shown = mended.playbook("remove_node", extra={"node": leaving}, check=True).assert_ok()
    assert shown.changed and leaving in voters(mended, leader)
    mended.playbook("remove_node", extra={"node": leaving}).assert_ok()
    found = seen(mended, other)
    assert (found["leader"], found["settled"]) == (leader, True)
    assert found["rules"] == [{"standbys": [other], "confirmations": 1}]
    assert voters(mended, leader) == set(HOSTS) - {leaving}
    mended.site()
    found = seen(mended, leaving)
    assert (found["leader"], found["server"]["receives"]) == (leader, leader)
    assert found["rules"] == [{"standbys": sorted((leaving, other)), "confirmations": 1}]
    assert voters(mended, leader) == set(HOSTS)
    mended.playbook("site").assert_unchanged()
