"""The inventories of the two real sites, whole, against the flavors, quotas, image and network of the lab's cloud."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab.settings import ARTIFACT_MIRROR, MIRROR_DIGESTS, REGISTRY_MIRROR, SITE_STATE
from tests.platform.site import Lab
from tests.support import ROOT

MIRRORS = {
    "artifact_mirror": ARTIFACT_MIRROR,
    "registry_mirror": REGISTRY_MIRROR,
    "artifact_digests": str(MIRROR_DIGESTS),
}
"""What a site without internet gives: mirrors of its own and the digests of what they hold."""


OFFERED = {"cnaf": ["18 cards as 42 GPUs"], "recas_bari": []}


@pytest.fixture(params=["cnaf", "recas_bari"])
def inventory(request: pytest.FixtureRequest, raised: Lab, tmp_path: Path) -> Path:
    """A site's inventory as it is in the repository, with the state that its administrator keeps beside it."""
    copy = tmp_path / request.param
    shutil.copytree(ROOT / "inventories" / request.param, copy, ignore=shutil.ignore_patterns("state"))
    (copy / "state").mkdir(mode=0o700)
    for name in ("clouds.yaml", "id_ed25519", "known_hosts"):
        shutil.copy(SITE_STATE / name, copy / "state")
    return copy


def test_preflight_finds_nothing_in_the_way_of_the_site(raised: Lab, inventory: Path) -> None:
    run = raised.playbook("preflight", inventory=inventory, extra=MIRRORS).assert_unchanged()
    done = {result["task"].partition(",")[0] for result in run.results("runner_on_ok")}
    checks = {
        "Every declared host has a purpose",
        "Compare the inventory with the project",
        "The mirrors answer",
        "The cards can be cut as declared",
    }
    assert checks <= done
    offers = [result["res"]["msg"] for result in run.results("runner_on_ok") if "offers" in result["task"]]
    assert [offer.partition(":")[0] for offer in offers] == OFFERED[inventory.name]


def test_without_digests_preflight_names_the_command_that_writes_them(raised: Lab, inventory: Path) -> None:
    run = raised.playbook("preflight", inventory=inventory)
    assert run.rc != 0 and run.changed == []
    assert "Nothing was changed." in run.failures and "make lock-upstream" in run.failures
