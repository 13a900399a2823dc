"""Contradictions end with value found, value needed and remedy, before the first change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.settings import MIRROR_DIGESTS
from tests.platform.site import Lab

KUBELET = "/v1.37.2/bin/linux/amd64/kubelet"


def planes(*names: str) -> dict[str, Any]:
    """A change of the inventory: these control planes beside control-1."""
    hosts = dict.fromkeys(names)
    return {"all": {"children": {"kubernetes": {"children": {"kube_control_plane": {"hosts": hosts}}}}}}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"kubernetes_pod_cidr": "10.96.128.0/17"}, ("kubernetes_pod_cidr", "kubernetes_service_cidr", "overlap")),
        ({"kubernetes_version": "1.35.9"}, ("1.35.9", "1.37.2")),
        (
            {"kubernetes_verison": "1.36.3", "containerd_max_concurrent_downloads": "all"},
            ("kubernetes_verison of control-1, worker-1", "kubernetes_version", "max_concurrent_downloads", "int"),
        ),
        ({"artifact_mirror": "http://198.51.100.1:9"}, ("http://198.51.100.1:9", "artifact_mirror")),
        ({"artifact_digests": "/nowhere/digests.yml"}, ("/nowhere/digests.yml",)),
        ({"artifact_digests": ""}, ("make lock-upstream",)),
    ],
)
def test_options_that_cannot_hold_stop_everything(lab: Lab, variables: dict[str, str], words: tuple[str, ...]) -> None:
    run = lab.playbook("site", extra=variables)
    assert run.rc != 0 and run.changed == []
    assert "Nothing was changed." in run.failures
    assert [word for word in words if word not in run.failures] == []


def altered_digests(folder: Path, digest: str | None) -> str:
    """A copy of the lab's digests in which the kubelet's is another one, or missing; returns its path."""
    document = yaml.safe_load(MIRROR_DIGESTS.read_text(encoding="utf-8"))
    kept = {name: value for name, value in document["digests"].items() if not name.endswith(KUBELET)}
    assert len(kept) == len(document["digests"]) - 1
    if digest:
        kept[f"https://dl.k8s.io{KUBELET}"] = digest
    path = folder / "digests.yml"
    path.write_text(yaml.safe_dump({"digests": kept}), encoding="utf-8")
    return str(path)


def test_a_missing_digest_stops_everything(lab: Lab, tmp_path: Path) -> None:
    run = lab.playbook("site", extra={"artifact_digests": altered_digests(tmp_path, None)})
    assert run.rc != 0 and run.changed == []
    assert "kubelet" in run.failures and "digest" in run.failures


def test_a_file_with_a_wrong_digest_is_never_put_in_place(lab: Lab, tmp_path: Path) -> None:
    wrong = f"sha256:{'0' * 64}"
    run = lab.playbook("overlay", extra={"artifact_digests": altered_digests(tmp_path, wrong)})
    assert run.rc != 0 and run.changed == []
    assert "kubelet" in run.failures and wrong in run.failures
    assert lab.ssh("worker-1").run("kubelet --version").stdout.strip() == "Kubernetes v1.37.2"


CARDS: dict[str, dict[str, Any]] = {
    "control-1": {"gpu_model": ["A30", "A100-40GB"], "gpu_count": 2},
    "worker-1": {"gpu_model": "T4", "gpu_count": 8, "gpu_layout": "all-1g.5gb"},
    "worker-2": {
        "gpu_model": "A100-40GB",
        "gpu_count": 3,
        "gpu_layout": [
            {"cards": [0], "slices": ["3g.20gb", "4g.20gb", "1g.5gb"]},
            {"cards": [0, 3], "slices": "all-1g.6gb"},
            {"cards": [1], "model": "A30", "slices": "all-1g"},
        ],
    },
}
"""Everything that can be wrong with declared cards."""


def test_cards_that_cannot_be_cut_as_declared_stop_everything_and_are_reported_together(lab: Lab) -> None:
    with lab.inventory_copy() as inventory:
        (inventory / "host_vars").mkdir()
        for host, variables in CARDS.items():
            (inventory / "host_vars" / f"{host}.yml").write_text(yaml.safe_dump(variables), encoding="utf-8")
        run = lab.playbook("site", inventory=inventory)
    assert run.rc != 0 and run.changed == []
    words = (
        "Nothing was changed.",
        "Hosts with cards that are not in group gpu: control-1, worker-1, worker-2",
        "control-1: found cards of 2 models",
        "T4, which have no MIG",
        "do not fit on an A100-40GB",
        "found card 3. Allowed: 0 to 2",
        "found card 0, which has a layout by gpu_layout entry 1 already",
        "found profile 1g.6gb",
        "found a layout for A30",
    )
    assert [word for word in words if word not in run.failures] == [], run.failures


def test_an_even_number_of_control_planes_and_a_host_in_no_group_are_reported_together(lab: Lab) -> None:
    with lab.inventory_copy(planes("control-2") | {"ungrouped": {"hosts": {"stray-1": None}}}) as inventory:
        run = lab.playbook("site", inventory=inventory)
    assert run.rc != 0 and run.changed == []
    assert "stray-1" in run.failures and "needed 1, 3 or 5" in run.failures


def test_a_system_that_is_not_supported_stops_the_host_before_its_first_change(lab: Lab) -> None:
    run = lab.playbook("preflight_hosts", extra={"host_base_supported_systems": ["Debian 42"]})
    assert run.rc != 0 and run.changed == []
    assert "worker-1 runs Debian 13" in run.failures and "Debian 42" in run.failures


def test_another_version_of_kubernetes_does_not_touch_a_running_node(lab: Lab) -> None:
    run = lab.playbook("preflight_hosts", extra={"kubernetes_version": "1.36.3"})
    assert run.rc != 0 and run.changed == []
    assert "control-1 runs Kubernetes v1.37.2, the inventory wants 1.36.3" in run.failures
