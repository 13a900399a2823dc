"""A second run changes nothing, and finds what a hand changed."""

from __future__ import annotations

from tests.platform.fingerprint import differences, fingerprint
from tests.platform.site import Lab

ROLE_LABEL = "node-role.kubernetes.io/worker"
HOSTS = ("control-1", "worker-1", "worker-2")


def test_a_second_run_changes_nothing_that_a_fingerprint_sees(lab: Lab) -> None:
    before = fingerprint(lab, HOSTS)
    lab.playbook("site").assert_unchanged()
    assert differences(before, fingerprint(lab, HOSTS)) == []


def test_check_mode_on_a_finished_site_shows_nothing(lab: Lab) -> None:
    lab.playbook("site", check=True).assert_unchanged()


def test_what_a_hand_changed_is_shown_by_check_and_repaired_by_the_next_run(mended: Lab) -> None:
    worker = mended.ssh("worker-1")
    proxy = worker.file("/etc/haproxy/haproxy.cfg").content_string
    worker.run("echo '# by hand' >> /etc/haproxy/haproxy.cfg")
    mended.kubectl("-n", "kube-system", "delete", "daemonset", "network-policy-agent", "--wait=false")
    mended.kubectl("label", "node", "worker-2", f"{ROLE_LABEL}-")

    shown = mended.playbook("site", check=True).assert_ok().changed
    assert sorted(shown) == [
        "control-1: Have what makes nodes ready in the cluster",
        "control-1: Label and taint the nodes, and wait until they work",
        "worker-1: Bring downloads, files, services and images, and join",
    ]
    mended.site()
    assert worker.file("/etc/haproxy/haproxy.cfg").content_string == proxy
    assert "worker-2" in mended.kubectl("get", "nodes", "-l", ROLE_LABEL, "-o", "name")
    mended.playbook("site").assert_unchanged()
