"""A site's GPUs are counted by the names that Kubernetes gives them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible.plugins.loader import filter_loader
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.capacity import resource_name

SITE: list[dict[str, Any]] = [
    {"inventory_hostname": "control-1"},
    {"inventory_hostname": "gpu-t4-1", "gpu_model": "T4", "gpu_count": 8},
    {"inventory_hostname": "gpu-rtx5000-1", "gpu_model": "RTX5000", "gpu_count": 5},
    {"inventory_hostname": "gpu-a100-1", "gpu_model": "A100-40GB", "gpu_count": 1, "gpu_layout": "all-1g.5gb"},
    {"inventory_hostname": "gpu-a30-1", "gpu_model": "A30", "gpu_count": 1, "gpu_layout": "off"},
    {"inventory_hostname": "gpu-a100-2", "gpu_model": "A100-40GB", "gpu_count": 3, "gpu_layout": "all-1g.5gb"},
]


def filtered(name: str, variables: list[dict[str, Any]]) -> Any:
    return filter_loader.get(f"ai_infn.platform.{name}").j2_function(variables)


def changed(host: str, **variables: Any) -> list[dict[str, Any]]:
    return [{**entry, **variables} if entry["inventory_hostname"] == host else entry for entry in SITE]


def test_the_missions_site_offers_42_gpus_from_18_cards() -> None:
    found = filtered("gpu_capacity", SITE)
    assert (found["cards"], found["gpus"]) == (18, 42)
    assert found["resources"] == {"nvidia.com/gpu": 14, "nvidia.com/mig-1g.5gb": 28}
    assert list(found["hosts"]) == ["gpu-t4-1", "gpu-rtx5000-1", "gpu-a100-1", "gpu-a30-1", "gpu-a100-2"]
    assert found["hosts"]["gpu-a100-2"] == {
        "model": "A100-40GB",
        "cards": 3,
        "gpus": 21,
        "resources": {"nvidia.com/mig-1g.5gb": 21},
    }
    assert filtered("gpu_layout_problems", SITE) == []


def test_another_layout_is_counted_by_its_own_names() -> None:
    layout = [{"cards": [0], "slices": "all-balanced"}, {"cards": [1], "slices": ["1g.5gb+me", "3g"]}]
    found = filtered("gpu_capacity", changed("gpu-a100-2", gpu_layout=layout))
    assert found["hosts"]["gpu-a100-2"]["resources"] == {
        "nvidia.com/gpu": 1,
        "nvidia.com/mig-1g.5gb": 2,
        "nvidia.com/mig-1g.5gb.me": 1,
        "nvidia.com/mig-2g.10gb": 1,
        "nvidia.com/mig-3g.20gb": 2,
    }
    assert filtered("gpu_capacity", changed("gpu-a30-1", gpu_layout="all-1g"))["gpus"] == 45


def test_a_site_without_gpus_offers_none() -> None:
    assert filtered("gpu_capacity", SITE[:1]) == {"cards": 0, "gpus": 0, "resources": {}, "hosts": {}}


def test_a_resource_name_has_no_plus_sign() -> None:
    assert resource_name("1g.5gb+me") == "nvidia.com/mig-1g.5gb.me"


def test_the_problems_of_all_hosts_are_said_and_nothing_is_counted() -> None:
    wrong = [{**entry, "gpu_layout": "all-8g"} for entry in SITE[1:]]
    problems = filtered("gpu_layout_problems", wrong)
    assert [text.split(":")[0] for text in problems] == [entry["inventory_hostname"] for entry in wrong]
    with pytest.raises(AnsibleFilterError) as caught:
        filtered("gpu_capacity", wrong)
    assert all(text in str(caught.value) for text in problems)
