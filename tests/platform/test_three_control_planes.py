"""A second site with three control planes: born through interruptions, it goes on when one of them is lost."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.machine.podman import podman
from lab.settings import SITE_STATE, STATE
from tests.platform.site import Lab, start_playbook
from tests.platform.subjects import OVERLAY
from tests.platform.trial import sweep
from tests.support import eventually

CONTROL_PLANES = ("trio-control-1", "trio-control-2", "trio-control-3")
WORKER = "trio-worker-1"
HOSTS = {
    "all": {
        "children": {
            "kubernetes": {
                "children": {
                    "kube_control_plane": {"hosts": dict.fromkeys(CONTROL_PLANES)},
                    "kube_worker": {"hosts": {WORKER: None}},
                }
            }
        }
    }
}
SITE: dict[str, Any] = {
    "site_name": "trio",
    "site_state_dir": str(STATE / "trio"),
    "openstack_cloud": "recas_bari",
    "openstack_clouds_file": str(SITE_STATE / "clouds.yaml"),
    "openstack_network_cidr": "10.64.30.0/24",
}

ADDRESSES = {
    "plugin": "ai_infn.platform.openstack_servers",
    "site": SITE["site_name"],
    "cloud": SITE["openstack_cloud"],
    "clouds_file": SITE["openstack_clouds_file"],
}

PHASES = {
    "server creation": "Bring the project to its declared state",
    "install": "Bring downloads, files, services and images",
    "kubeadm init": "Begin the cluster on",
    "network apply": "Have what makes nodes ready in the cluster",
    "join": "Join the cluster",
}
"""The task whose start on a host is waited for in the run's log; the kill comes up to three seconds later."""

FOLLOWING = {"install": "kubeadm init"}
"""Phases that may be over in less than three seconds, and what the leader does next."""

SILENCE = " ".join(
    f"add chain inet silence {hook} {{ type filter hook {hook} priority -300; policy drop; }};"
    for hook in ("input", "output")
)
"""Rules of nft after which a host says nothing, not even that a port is closed."""
REQUESTS = """
end=$((SECONDS + 15))
while [ $SECONDS -lt $end ]; do
  curl --silent --insecure --max-time 5 --output /dev/null --write-out '%{http_code} ' https://127.0.0.1:8443/readyz
done
"""
WATCH = (
    "curl --silent --no-buffer --output /dev/null --cacert /etc/kubernetes/pki/ca.crt"
    " --cert /var/lib/kubelet/pki/kubelet-client-current.pem"
    f" 'https://127.0.0.1:8443/api/v1/nodes?watch=true&fieldSelector=metadata.name%3D{WORKER}'"
)

PATHS = (*OVERLAY, "playbooks/remove_node.yml", "tests/platform/test_three_control_planes.py")
birth = pytest.mark.rotation("birth", *PATHS)
quorum = pytest.mark.rotation("quorum", *PATHS)
pytestmark = pytest.mark.duration(180)


@pytest.fixture(scope="module")
def trio(raised: Lab) -> Iterator[Path]:
    """The second site's inventory; all that it made in its project, and its folder, are gone at the end."""
    with raised.inventory_copy() as inventory:
        (inventory / "hosts.yml").write_text(yaml.safe_dump(HOSTS), encoding="utf-8")
        settings = inventory / "group_vars" / "all" / "zz_trio.yml"
        settings.write_text(yaml.safe_dump(SITE), encoding="utf-8")
        (inventory / "openstack.yml").write_text(yaml.safe_dump(ADDRESSES), encoding="utf-8")
        yield inventory
        sweep(raised.cloud(SITE["openstack_cloud"]), SITE["site_name"])
        shutil.rmtree(SITE["site_state_dir"])


def began(phase: str, log: str) -> bool:
    """Tell whether a run has come to a phase, by its log."""
    return phase in PHASES and re.search(rf"\[started TASK: .*{PHASES[phase]}", log) is not None


def interrupt(inventory: Path, phase: str, seed: int, folder: Path) -> str:
    """Start site.yml, kill its whole process group at a random moment inside the phase, and return its log.

    The moment is over when the phase that follows begins.
    """
    log = folder / f"{phase}.log"
    moment = random.Random(f"{seed} {phase}").uniform(0, 3)  # noqa: S311  a seeded moment, no secret
    with log.open("wb") as output:
        process = start_playbook("site", inventory=inventory, output=output)

        def reached() -> bool:
            text = log.read_text(encoding="utf-8", errors="replace")
            assert process.poll() is None, f"site.yml ended before {phase}:\n{text[-3000:]}"
            return began(phase, text)

        def is_over() -> bool:
            text = log.read_text(encoding="utf-8", errors="replace")
            return time.monotonic() > end or began(FOLLOWING.get(phase, ""), text)

        eventually(reached, 300, f"site.yml reaches {phase}")
        end = time.monotonic() + moment
        eventually(is_over, moment + 1, "the moment of the kill")
        os.killpg(process.pid, signal.SIGSTOP)  # it must not begin another worker between the next two lines
        workers = descendants(process.pid)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        # Ansible's workers have sessions of their own; none may go on beside the next run.
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    print(f"killed {moment:.1f} s into {phase}")
    return log.read_text(encoding="utf-8", errors="replace")


@birth
@pytest.mark.duration(420)
def test_a_site_whose_every_phase_was_killed_is_completed_by_the_next_run(
    raised: Lab, trio: Path, tmp_path: Path
) -> None:
    seed = int(os.environ.get("SEED") or time.time())
    print(f"SEED={seed}")
    killed = ""
    for phase in PHASES:
        if phase not in FOLLOWING.values() or not began(phase, killed):
            killed = interrupt(trio, phase, seed, tmp_path)
    raised.site(trio)
    raised.assert_ok(trio)


def descendants(pid: int) -> list[int]:
    """Return the processes that a process began, and those that they began."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [found for child in children for found in (int(child), *descendants(int(child)))]


@birth
def test_a_second_run_on_three_control_planes_changes_nothing(raised: Lab, trio: Path) -> None:
    raised.playbook("site", inventory=trio).assert_unchanged()


@pytest.fixture(scope="module")
def lost(raised: Lab, trio: Path) -> str:
    """A control plane that is gone as by a power cut; the worker held connections to each API server."""
    raised.site(trio)
    name = CONTROL_PLANES[1]
    worker = raised.ssh(WORKER, trio)
    for number in range(2 * len(CONTROL_PLANES)):
        start = f"systemd-run --collect --unit=watch-{number} {WATCH}"
        assert worker.run(start).rc == 0
    address = raised.address(name, trio)
    eventually(lambda: len(connections(worker, address)) > 0, 20, f"the worker has a connection to {name}")
    podman("exec", f"lab-{name}", "nft", f"add table inet silence; {SILENCE}")
    podman("kill", f"lab-{name}")
    return name


def connections(host: Any, address: str) -> list[str]:
    """Return the open connections of a host's proxy to an API server."""
    return list(host.check_output(f"ss -Htn state established dst {address} dport = 6443").splitlines())


@quorum
def test_a_worker_reaches_the_api_when_a_control_plane_is_lost_and_its_connections_are_made_anew(
    raised: Lab, trio: Path, lost: str
) -> None:
    address = raised.address(lost, trio)
    worker = raised.ssh(WORKER, trio)
    codes = worker.run("bash -c %s", REQUESTS).stdout.split()
    assert codes[-1] == "200" and "000" not in codes, codes
    eventually(lambda: connections(worker, address) == [], 20, f"the connections to {lost} are cut")


@quorum
def test_status_names_the_lost_control_plane(raised: Lab, trio: Path, lost: str) -> None:
    document = raised.status(trio)
    assert not document["ok"]
    failures = "\n".join(document["failures"])
    assert f"{lost}: site reachable" in failures
    assert f"site: overlay etcd is healthy: {lost}" in failures
    others = {WORKER, *CONTROL_PLANES} - {lost}
    assert [host for host in others if f"{host}: overlay node is ready" in failures] == []


@quorum
def test_a_live_control_plane_may_not_leave_while_another_is_lost(raised: Lab, trio: Path, lost: str) -> None:
    run = raised.playbook("remove_node", inventory=trio, extra={"node": CONTROL_PLANES[0]})
    assert run.rc != 0 and run.changed == []
    assert f"without {CONTROL_PLANES[0]} etcd would have no quorum" in run.failures
    assert f"mend or remove first: {lost}" in run.failures


@quorum
def test_a_lost_control_plane_is_removed_and_replaced(raised: Lab, trio: Path, lost: str) -> None:
    raised.playbook("remove_node", inventory=trio, extra={"node": lost}).assert_ok()
    raised.site(trio)
    raised.assert_ok(trio)
    raised.playbook("site", inventory=trio).assert_unchanged()


@quorum
def test_a_live_control_plane_leaves_and_the_others_go_on(raised: Lab, trio: Path, lost: str) -> None:
    leaving, staying = (name for name in CONTROL_PLANES if name != lost)
    compute = raised.cloud(SITE["openstack_cloud"]).compute
    raised.playbook("remove_node", inventory=trio, check=True, extra={"node": leaving}).assert_ok()
    assert leaving in {server.name for server in compute.servers()}
    raised.playbook("remove_node", inventory=trio, extra={"node": leaving}).assert_ok()
    left = {WORKER, *CONTROL_PLANES} - {leaving}
    assert {server.name for server in compute.servers()} == left
    nodes = raised.ssh(staying, trio).check_output("kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes -o name")
    assert set(nodes.split()) == {f"node/{name}" for name in left}
    codes = raised.ssh(WORKER, trio).run("bash -c %s", REQUESTS).stdout.split()
    assert set(codes) == {"200"}, codes
