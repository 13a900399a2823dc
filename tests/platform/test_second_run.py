"""A second run changes nothing, and finds what a hand changed."""

from __future__ import annotations

from tests.platform.fingerprint import differences, fingerprint
from tests.platform.site import Lab

HOSTS = ("control-1", "worker-1", "worker-2")


def test_a_second_run_changes_nothing_that_a_fingerprint_sees(lab: Lab) -> None:
    before = fingerprint(lab, HOSTS)
    lab.playbook("site").assert_unchanged()
    assert differences(before, fingerprint(lab, HOSTS)) == []


def test_check_mode_on_a_finished_site_shows_nothing(lab: Lab) -> None:
    lab.playbook("site", check=True).assert_unchanged()


def test_what_a_hand_changed_is_shown_by_check_and_repaired_by_the_next_run(mended: Lab) -> None:
    worker = mended.ssh("worker-1")
    before = worker.file("/etc/containerd/config.toml").content_string
    worker.run("echo '# by hand' >> /etc/containerd/config.toml")
    mended.kubectl("-n", "kube-system", "delete", "daemonset", "network-policy-agent", "--wait=false")
    mended.kubectl("label", "node", "worker-2", "node-role.kubernetes.io/worker-", "--overwrite")

    shown = " ".join(mended.playbook("site", check=True).assert_ok().changed)
    for name in ("worker-1", "network-policy-agent", "label"):
        assert name in shown.lower(), shown
    mended.site()
    assert worker.file("/etc/containerd/config.toml").content_string == before
    mended.playbook("site").assert_unchanged()
