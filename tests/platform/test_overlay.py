"""What the overlay promises, seen from outside: secrets, admission, audit, the way to the API, labels, day 2."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

from tests.platform.site import Lab
from tests.platform.subjects import OVERLAY
from tests.support import eventually

CONTROL_PLANE = "control-1"
day2 = pytest.mark.rotation("day2", *OVERLAY, "playbooks/renew_certificates.yml", "playbooks/restore_etcd.yml")
ETCD = (
    "curl --silent --fail --cacert /etc/kubernetes/pki/etcd/ca.crt "
    "--cert /etc/kubernetes/pki/etcd/healthcheck-client.crt "
    "--key /etc/kubernetes/pki/etcd/healthcheck-client.key https://127.0.0.1:2379"
)
PRIVILEGED = """
apiVersion: v1
kind: Pod
metadata: {name: privileged, namespace: default}
spec:
  containers:
    - {name: main, image: "ghcr.io/ai-infn/probe:0.1.0", securityContext: {privileged: true}}
"""
DECLARED = {
    "all": {
        "children": {
            "kubernetes": {
                "children": {
                    "kube_worker": {
                        "hosts": {
                            "worker-1": {
                                "kubernetes_node_labels": {"example.org/rack": "a"},
                                "kubernetes_node_taints": [
                                    {"key": "reserved", "value": "theory", "effect": "PreferNoSchedule"}
                                ],
                            }
                        }
                    }
                }
            }
        }
    }
}
OPENING_PAGES = ("/livez", "/readyz")


def test_a_secret_is_encrypted_in_etcd(lab: Lab) -> None:
    lab.kubectl("create", "secret", "generic", "at-rest", "--from-literal=word=plainly-readable")
    try:
        key = base64.b64encode(b"/registry/secrets/default/at-rest").decode()
        answer = json.loads(lab.ssh(CONTROL_PLANE).check_output(f'{ETCD}/v3/kv/range -d \'{{"key": "{key}"}}\''))
        (entry,) = answer["kvs"]
        value = base64.b64decode(entry["value"])
        assert value.startswith(b"k8s:enc:secretbox:")
        assert b"plainly-readable" not in value
    finally:
        lab.kubectl("delete", "secret", "at-rest")


def test_the_audit_log_names_a_change_and_never_the_content_of_a_secret(lab: Lab) -> None:
    lab.kubectl("create", "secret", "generic", "audited", "--from-literal=word=never-in-a-log")
    lab.kubectl("delete", "secret", "audited")
    log = lab.ssh(CONTROL_PLANE)
    named = 'grep -q \'"name":"audited"\' /var/log/kubernetes/audit/audit.log'
    eventually(lambda: bool(log.run(named).rc == 0), 20, "the audit log names the secret")
    assert log.run("grep -rc never-in-a-log /var/log/kubernetes/audit/audit.log").rc != 0


def test_no_journal_of_a_host_holds_a_secret_of_the_site(lab: Lab) -> None:
    folder = Path(lab.hostvars()[CONTROL_PLANE]["site_state_dir"])
    key = (folder / "secrets" / "kubernetes_encryption_key").read_text(encoding="ascii").strip()
    written = base64.b64encode(key.encode()).decode()
    assert written in lab.ssh(CONTROL_PLANE).check_output("cat /etc/kubernetes/ai-infn/encryption.yaml")
    for host in ("control-1", "worker-1"):
        journal = lab.ssh(host).check_output("journalctl --no-pager _UID=0")
        assert "host_setup" in journal  # Ansible does write down what its modules are told
        assert key not in journal and written not in journal
        assert not re.search(r"(tlsBootstrapToken|token): [a-z0-9]{6}\.[a-z0-9]{16}", journal)


def test_a_privileged_pod_is_refused_outside_of_the_system(lab: Lab) -> None:
    with pytest.raises(AssertionError, match="violates PodSecurity"):
        lab.kubectl("create", "-f", "-", stdin=PRIVILEGED)


@pytest.mark.parametrize("host", ["control-1", "worker-1", "worker-2"])
def test_every_node_reaches_the_api_through_its_own_load_balancer(lab: Lab, host: str) -> None:
    for page in OPENING_PAGES:
        assert lab.ssh(host).check_output(f"curl --silent --insecure https://127.0.0.1:8443{page}") == "ok"


def test_nobody_without_a_name_sees_more_than_health(lab: Lab) -> None:
    command = (
        "curl --silent --insecure --output /dev/null --write-out '%{http_code}' https://127.0.0.1:8443/api/v1/nodes"
    )
    assert lab.ssh("worker-1").check_output(command) == "401"


def test_labels_and_taints_come_and_go_with_the_inventory(lab: Lab) -> None:
    def seen() -> tuple[str | None, list[str]]:
        node = json.loads(lab.kubectl("get", "node", "worker-1", "-o", "json"))
        taints = [taint["key"] for taint in node["spec"].get("taints", [])]
        return node["metadata"]["labels"].get("example.org/rack"), taints

    try:
        with lab.inventory_copy(DECLARED) as inventory:
            lab.playbook("overlay", "--limit", "worker-1", inventory=inventory).assert_ok()
            assert seen() == ("a", ["reserved"])
            lab.playbook("overlay", "--limit", "worker-1", inventory=inventory).assert_unchanged()
    finally:
        lab.playbook("overlay", "--limit", "worker-1").assert_ok()
    assert seen() == (None, [])


@day2
@pytest.mark.duration(420)
def test_certificates_about_to_expire_are_renewed(mended: Lab) -> None:
    host = mended.ssh(CONTROL_PLANE)
    host.check_output(
        "sed 's/^certificateValidityPeriod: .*/certificateValidityPeriod: 48h/' /etc/kubernetes/kubeadm/init.yaml"
        " > /root/soon.yaml && kubeadm certs renew apiserver --config /root/soon.yaml && rm /root/soon.yaml"
    )
    document = mended.status()
    assert any("apiserver.crt ends in 1 days" in failure for failure in document["failures"]), document["failures"]
    mended.playbook("renew_certificates").assert_ok()
    mended.assert_ok()
    served = host.check_output(
        "true | openssl s_client -connect 127.0.0.1:6443 2>/dev/null | openssl x509 -noout -checkend 2592000"
    )
    assert "will not expire" in served


@day2
@pytest.mark.duration(180)
def test_the_cluster_comes_back_from_a_snapshot_when_all_members_are_lost(mended: Lab) -> None:
    mended.kubectl("create", "configmap", "before-the-snapshot")
    try:
        mended.playbook("snapshot_etcd").assert_ok()
        mended.kubectl("create", "configmap", "after-the-snapshot")
        mended.ssh(CONTROL_PLANE).check_output(
            "pkill -9 -x etcd; rm -rf /var/lib/etcd/member; sleep 1; pkill -9 -x etcd; rm -rf /var/lib/etcd/member"
        )
        refused = mended.playbook("restore_etcd")
        assert refused.rc != 0
        assert "kubernetes_restore_confirmed=true" in refused.failures
        mended.playbook("restore_etcd", extra={"kubernetes_restore_confirmed": True}).assert_ok()
        names = [item["metadata"]["name"] for item in mended.objects("configmap", "--namespace", "default")]
        assert "before-the-snapshot" in names
        assert "after-the-snapshot" not in names
    finally:
        mended.kubectl("delete", "configmap", "before-the-snapshot", "--ignore-not-found")


@pytest.mark.rotation("rebirth", *OVERLAY, "playbooks/restore_etcd.yml")
@pytest.mark.duration(300)
def test_the_cluster_comes_back_on_a_new_machine_when_its_control_plane_is_gone(mended: Lab) -> None:
    mended.kubectl("create", "configmap", "before-the-loss")
    try:
        mended.playbook("snapshot_etcd").assert_ok()
        compute = mended.tenant.compute
        compute.delete_server(compute.find_server(CONTROL_PLANE, ignore_missing=False))
        eventually(lambda: compute.find_server(CONTROL_PLANE) is None, 60, f"{CONTROL_PLANE} is gone")
        mended.playbook("site", "--limit", "localhost,kube_control_plane").assert_ok()
        mended.playbook("restore_etcd", extra={"kubernetes_restore_confirmed": True}).assert_ok()
        names = [item["metadata"]["name"] for item in mended.objects("configmap", "--namespace", "default")]
        assert "before-the-loss" in names
    finally:
        mended.kubectl("delete", "configmap", "before-the-loss", "--ignore-not-found")
