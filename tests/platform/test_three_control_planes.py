"""A second site with three control planes: born through interruptions."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.settings import SITE_STATE, STATE
from tests.platform.site import Lab, start_playbook

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
    "server creation": r"TASK \[.*Bring the project to its declared state",
    "install": r"TASK \[.*Install the binaries of Kubernetes",
    "kubeadm init": r"TASK \[.*Begin the cluster\]",
    "network apply": r"TASK \[.*(flannel|the network).* in the cluster",
    "join": r"TASK \[.*Join the cluster",
}
"""What to wait for in the run's log before the kill; the kill comes up to three seconds later."""

pytestmark = [
    pytest.mark.rotation("quorum", "roles/kubernetes", "playbooks/overlay", "plugins/"),
    pytest.mark.duration(900),
]


@pytest.fixture(scope="module")
def trio(raised: Lab) -> Iterator[Path]:
    """The second site's inventory; its servers, ports and network are gone at the end."""
    with raised.inventory_copy() as inventory:
        (inventory / "hosts.yml").write_text(yaml.safe_dump(HOSTS), encoding="utf-8")
        settings = inventory / "group_vars" / "all" / "zz_trio.yml"
        settings.write_text(yaml.safe_dump(SITE), encoding="utf-8")
        (inventory / "openstack.yml").write_text(yaml.safe_dump(ADDRESSES), encoding="utf-8")
        yield inventory
        for host in (WORKER, *CONTROL_PLANES):
            delete_server(raised, host)


def delete_server(lab: Lab, name: str) -> None:
    """Delete a server of the second site as its tenant would by hand."""
    cloud = lab.cloud("recas_bari")
    server = cloud.compute.find_server(name)
    if server is not None:
        cloud.compute.delete_server(server)
        cloud.compute.wait_for_delete(server, wait=60)


def interrupt(inventory: Path, phase: str, seed: int, folder: Path) -> str:
    """Start site.yml, kill its whole process group at a random moment inside the phase, and return its log."""
    log = folder / f"{phase}.log"
    moment = random.Random(f"{seed} {phase}").uniform(0, 3)  # noqa: S311  a seeded moment, no secret
    with log.open("wb") as output:
        process = start_playbook("site", inventory=inventory, output=output)
        deadline = time.monotonic() + 300
        while not re.search(PHASES[phase], log.read_text(encoding="utf-8", errors="replace")):
            assert process.poll() is None, f"site.yml ended before {phase}:\n{log.read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"{phase} was not reached:\n{log.read_text()[-3000:]}"
            time.sleep(0.1)
        time.sleep(moment)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    print(f"killed {moment:.1f} s into {phase}")
    return log.read_text(encoding="utf-8", errors="replace")


def test_a_site_whose_every_phase_was_killed_is_completed_by_the_next_run(
    raised: Lab, trio: Path, tmp_path: Path
) -> None:
    seed = int(os.environ.get("SEED") or time.time())
    print(f"SEED={seed}")
    for phase in PHASES:
        interrupt(trio, phase, seed, tmp_path)
    raised.site(trio)
    raised.assert_ok(trio)


def test_a_second_run_on_three_control_planes_changes_nothing(raised: Lab, trio: Path) -> None:
    raised.playbook("site", inventory=trio).assert_unchanged()
