"""The kubelet's notes say which pod holds which device."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.holders import read_holders


def entry(pod: str, resource: str, *devices: str) -> dict[str, object]:
    return {"PodUID": pod, "ContainerName": "main", "ResourceName": resource, "DeviceIDs": {"-1": list(devices)}}


def noted(folder: Path, text: str) -> str:
    path = folder / "kubelet_internal_checkpoint"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_devices_are_held_by_pods_and_other_vendors_do_not_count(tmp_path: Path) -> None:
    entries = [
        entry("pod-1", "nvidia.com/mig-1g.5gb", "MIG-1", "MIG-2"),
        entry("pod-2", "nvidia.com/gpu", "GPU-1::3"),
        entry("pod-3", "example.com/fpga", "F-1"),
    ]
    path = noted(tmp_path, json.dumps({"Data": {"PodDeviceEntries": entries, "RegisteredDevices": {}}, "Checksum": 1}))
    assert read_holders(path) == {"MIG-1": "pod-1", "MIG-2": "pod-1", "GPU-1": "pod-2"}


@pytest.mark.parametrize("entries", [None, []])
def test_a_kubelet_that_has_given_none(tmp_path: Path, entries: list[object] | None) -> None:
    assert read_holders(noted(tmp_path, json.dumps({"Data": {"PodDeviceEntries": entries}}))) == {}
    assert read_holders(str(tmp_path / "absent")) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"Data": {"PodDeviceEntries": [{"PodUID": "x"}]}}'])
def test_a_file_that_is_not_understood_is_named(tmp_path: Path, text: str) -> None:
    path = noted(tmp_path, text)
    with pytest.raises(ValueError, match=path):
        read_holders(path)
