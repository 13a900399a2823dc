"""What researchers do in the lab's cluster with kubeconfigs of their own, and what they are refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.platform.accounts import CLIENT, Accounts, accounts_of, home
from tests.platform.network import IMAGE
from tests.platform.researchers import CONTROL, NODES, Researcher, pod, researcher, running
from tests.platform.site import Lab
from tests.platform.subjects import HOST, IDENTITY, STORAGE, TENANTS
from tests.support import eventually

pytestmark = [
    pytest.mark.rotation(
        "tenants",
        *HOST,
        *IDENTITY,
        *STORAGE,
        *TENANTS,
        "tests/platform/accounts.py",
        "tests/platform/researchers.py",
        "tests/platform/test_tenants.py",
    ),
    pytest.mark.duration(120),
]


@pytest.fixture(scope="module")
def accounts(raised: Lab) -> Iterator[Accounts]:
    with accounts_of(raised) as made:
        yield made


@pytest.fixture(scope="module")
def folder(accounts: Accounts) -> Iterator[str]:
    """Where kubeconfigs are."""
    place = f"/run/researchers-{accounts.mark}"
    accounts.hosts[CONTROL].check_output(f"install -d -m 0700 {place}")
    yield place
    accounts.hosts[CONTROL].check_output(f"rm -r {place}")


@pytest.fixture(scope="module")
def alice(accounts: Accounts, folder: str) -> Researcher:
    return researcher(accounts, folder, "alice", "physics")


@pytest.fixture(scope="module")
def bob(accounts: Accounts, folder: str) -> Researcher:
    return researcher(accounts, folder, "bob")


def group_of(one: Researcher) -> str:
    return f"group-{one.account['groups'][0]['number']}"


def test_plain_pods_on_two_nodes_share_the_folders_of_their_account(accounts: Accounts, alice: Researcher) -> None:
    number, team = alice.account["number"], group_of(alice)
    pods = [pod(f"share-{node}", node, ("home", team, "environments")) for node in NODES]
    with running(alice, *pods) as (one, other):
        alice.done("exec", one, "--", "sh", "-c", f"echo home >/mnt/home/file; echo team >/mnt/{team}/file")
        said = alice.done("exec", other, "--", "sh", "-c", f"cat /mnt/home/file /mnt/{team}/file; id -u; id -g")
        assert said.split() == ["home", "team", str(number), str(number)]
        refused = alice.kubectl("exec", one, "--", "touch", "/mnt/environments/mine")
        assert refused.rc != 0
    stat = f"stat -c '%u %g' {home(alice.account)}/file /shared/groups/{team.removeprefix('group-')}/file"
    owners = accounts.hosts[CLIENT].check_output(stat).splitlines()
    assert owners == [f"{number} {number}", f"{number} {team.removeprefix('group-')}"]


def test_a_pod_reaches_no_folder_for_which_its_account_has_no_claim(alice: Researcher, bob: Researcher) -> None:
    with running(bob, pod("own")) as (one,):
        assert bob.done("exec", one, "--", "ls", "/mnt").split() == ["home"]
        mounts = bob.done("exec", one, "--", "grep", "ceph", "/proc/self/mountinfo").splitlines()
        assert [line.split()[3] for line in mounts] == [f"/homes/{bob.account['number']}"]


CHOSEN = [
    ("a user", {"securityContext": {"runAsUser": 0}}, r"run as user|runAsUser=0"),
    ("the other's user", {"securityContext": {"runAsUser": "{other}"}}, "run as user and group"),
    ("the other's group", {"securityContext": {"runAsGroup": "{other}"}}, "run as user and group"),
    ("the other's groups", {"securityContext": {"supplementalGroups": ["{team}"]}}, "may be the account's groups"),
    ("a group of files", {"securityContext": {"fsGroup": "{team}"}}, "may be the account's groups"),
    ("a path of the host", {"volumes": [{"name": "home", "hostPath": {"path": "/shared/homes"}}]}, "hostPath"),
    ("the host's network", {"hostNetwork": True}, "hostNetwork"),
    ("a platform's priority", {"priorityClassName": "platform-critical"}, "priorityClassName must be one of"),
    ("a session's priority", {"priorityClassName": "interactive"}, "priorityClassName must be one of"),
    ("no priority", {"priorityClassName": ""}, "priorityClassName must be one of"),
    ("a node by name", {"nodeName": CONTROL}, "nodeName is the scheduler's"),
    ("a control plane", {"tolerations": [{"operator": "Exists"}]}, "a toleration needs a key"),
]


@pytest.mark.parametrize(("change", "said"), [one[1:] for one in CHOSEN], ids=[one[0] for one in CHOSEN])
def test_what_a_pod_may_not_choose_is_refused(
    alice: Researcher, bob: Researcher, change: dict[str, Any], said: str
) -> None:
    team = group_of(alice).removeprefix("group-")
    text = json.dumps(change).replace('"{other}"', str(alice.account["number"])).replace('"{team}"', team)
    refused = bob.kubectl("create", "-f", "-", document=pod("chosen", **json.loads(text)))
    assert refused.rc != 0
    assert re.search(said, refused.stderr), refused.stderr


@pytest.mark.parametrize("part", ["containers", "initContainers"])
def test_a_container_may_not_choose_another_user(alice: Researcher, bob: Researcher, part: str) -> None:
    container = {"name": "other", "image": IMAGE, "securityContext": {"runAsUser": alice.account["number"]}}
    document = pod("chosen")
    document["spec"].setdefault(part, []).append(container)
    refused = bob.kubectl("create", "-f", "-", document=document)
    assert "containers of this namespace run as user and group" in refused.stderr


@pytest.mark.parametrize("change", [{"type": "NodePort"}, {"externalIPs": ["192.0.2.1"]}], ids=["port", "address"])
def test_a_service_that_takes_more_than_an_address_of_its_own_is_refused(
    bob: Researcher, change: dict[str, Any]
) -> None:
    spec = {"ports": [{"port": 80}], "selector": {"app": "own"}}
    document = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "own"}}
    refused = bob.kubectl("create", "-f", "-", document={**document, "spec": {**spec, **change}})
    assert "is of type ClusterIP and has no externalIPs" in refused.stderr
    bob.done("create", "-f", "-", document={**document, "spec": spec})
    bob.done("delete", "service", "own")


def test_a_job_that_chooses_another_user_makes_no_pod(alice: Researcher, bob: Researcher) -> None:
    template = {"spec": {**pod("x")["spec"], "restartPolicy": "Never"}}
    template["spec"]["securityContext"] = {"runAsUser": alice.account["number"]}
    document = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "chosen"}, "spec": {"template": template}}
    bob.done("create", "-f", "-", document=document)
    try:
        words = (
            "get",
            "events",
            "--field-selector",
            "involvedObject.name=chosen",
            "-o",
            "jsonpath={.items[*].message}",
        )
        eventually(lambda: "run as user and group" in bob.kubectl(*words).stdout, 60, "the job says why")
        assert bob.done("get", "pods", "-o", "name") == ""
    finally:
        bob.done("delete", "job", "chosen")


def test_a_researcher_does_nothing_in_anothers_namespace(alice: Researcher, bob: Researcher) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "taken", "namespace": bob.namespace},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "",
            "volumeName": f"{alice.namespace}-home",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    path = {"accessModes": ["ReadWriteMany"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/shared"}}
    volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "taken"}, "spec": path}
    mine = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "mine"}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "more", "namespace": bob.namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [mine],
    }
    with running(alice, pod("target")) as (target,):
        for words, document in (
            (("-n", alice.namespace, "exec", target, "--", "id"), None),
            (("-n", alice.namespace, "debug", target, "--image", IMAGE, "--profile", "restricted"), None),
            (("-n", alice.namespace, "get", "pods"), None),
            (("-n", alice.namespace, "get", "secrets"), None),
            (("-n", alice.namespace, "logs", target), None),
            (("-n", alice.namespace, "create", "-f", "-"), pod("chosen")),
            (("get", "pods", "-A"), None),
            (("create", "-f", "-"), claim),
            (("create", "-f", "-"), volume),
            (("create", "-f", "-"), binding),
            (("label", "namespace", bob.namespace, f"platform.ai-infn.it/account={alice.account['number']}"), None),
            (("delete", "pvc", "home"), None),
        ):
            refused = bob.kubectl(*words, document=document)
            assert "Forbidden" in refused.stderr, (words, refused.stdout + refused.stderr)
    for words in (("exec", "x", "--", "id"), ("debug", "x", "--image", IMAGE)):
        assert "NotFound" in bob.kubectl(*words).stderr, "in the own namespace this is no question of rights"


def test_an_ephemeral_container_runs_as_the_account(alice: Researcher, bob: Researcher) -> None:
    with running(bob, pod("debugged")) as (name,):
        container = {"name": "other", "image": IMAGE, "securityContext": {"runAsUser": alice.account["number"]}}
        patch = json.dumps({"spec": {"ephemeralContainers": [container]}})
        refused = bob.kubectl("patch", "pod", name, "--subresource", "ephemeralcontainers", "-p", patch)
        assert re.search(r"run as user and group|restricted", refused.stderr), refused.stderr
        bob.done("debug", name, "--image", IMAGE, "--profile", "restricted", "--container", "own", "--", "id", "-u")
        logs = ("logs", name, "-c", "own")
        eventually(lambda: bob.kubectl(*logs).stdout.strip() == str(bob.account["number"]), 60, "it runs")


def test_a_pods_folder_comes_back_after_the_client_has_died(accounts: Accounts, alice: Researcher) -> None:
    with running(alice, pod("heals", claims=("home", "environments"))) as (name,):
        alice.done("exec", name, "--", "sh", "-c", "echo kept >/mnt/home/kept")
        accounts.hosts[NODES[0]].check_output("systemctl kill --signal KILL shared-filesystem.service")
        eventually(
            lambda: alice.kubectl("exec", name, "--", "cat", "/mnt/home/kept").stdout == "kept\n", 120, "it is there"
        )
        alice.done("exec", name, "--", "sh", "-c", "echo more >>/mnt/home/kept && ls /mnt/environments")
    assert accounts.as_user(alice.account, f"cat {home(alice.account)}/kept").stdout == "kept\nmore\n"


def test_who_leaves_has_no_pods_and_no_rights_and_who_returns_has_them_again(accounts: Accounts, folder: str) -> None:
    carol = researcher(accounts, folder, "carol")
    with running(carol, pod("runs")):
        accounts.identity("leave", carol.account["number"])
        eventually(lambda: "Forbidden" in carol.kubectl("get", "pods").stderr, 60, "rights are gone")
        admin = f"kubectl --kubeconfig /etc/kubernetes/admin.conf -n {carol.namespace} get pods -o name"
        eventually(lambda: accounts.hosts[CONTROL].run(admin).stdout == "", 60, "pods are gone")
    accounts.identity("return", carol.account["number"])
    accounts.login("carol", name="carol")
    eventually(lambda: carol.kubectl("get", "pvc", "home").rc == 0, 60, "the claim is there")
    with running(carol, pod("again")):
        pass
