"""A host's membership: how a worker's join is told, and when its kubelet starts anew."""

from __future__ import annotations

import os
import subprocess
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay import membership


def encoded(text: str) -> str:
    """Return a text in base64."""
    return b64encode(text.encode()).decode()


def test_a_join_is_told_in_base64_and_carried_out_in_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(membership, "change", lambda params, check_mode: told.append(params))
    membership.join({"name": "w", "config": encoded("kind: Join\n"), "discovery": encoded("kind: Config\n")}, True)
    assert (told[0]["config"], told[0]["discovery"]) == ("kind: Join\n", "kind: Config\n")
    assert (told[0]["action"], told[0]["control_plane"]) == ("join", False)


def test_what_is_no_base64_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "change", lambda params, check_mode: pytest.fail("it went on"))
    with pytest.raises(ValueError, match=r"base64|Incorrect padding"):
        membership.join({"name": "w", "config": "kind: Join\n", "discovery": encoded("")}, True)


@pytest.mark.parametrize(("began", "certified", "expected"), [(10.0, 9.5, 0.5), (10.0, 2.0, 8.0)])
def test_the_time_without_a_certificate_is_from_the_start_to_the_link(
    began: float, certified: float, expected: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = str(int((time.clock_gettime(time.CLOCK_MONOTONIC) - began) * 1e6))
    answer = subprocess.CompletedProcess([], 0, stdout=f"{started}\n")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: answer)
    link = tmp_path / "kubelet-client-current.pem"
    link.symlink_to("kubelet-client-first.pem")
    made = time.time() - certified
    os.utime(link, (made, made), follow_symlinks=False)
    monkeypatch.setattr(membership, "CLIENT_CERTIFICATE", str(link))
    assert membership.seconds_without_certificate() == pytest.approx(expected, abs=0.2)


def test_a_kubelet_without_a_certificate_counts_as_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "CLIENT_CERTIFICATE", str(tmp_path / "missing"))
    answer = subprocess.CompletedProcess([], 0, stdout="1\n")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: answer)
    assert membership.seconds_without_certificate() > membership.FIRST_REPETITION


def test_a_second_kubeadm_waits_for_the_first_and_not_forever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "RUN_FOLDER", str(tmp_path))
    monkeypatch.setattr(membership, "LOCK", str(tmp_path / "lock"))
    refused = pytest.raises(membership.KubeadmError, match="another kubeadm")
    with membership.only_one(0), refused, membership.only_one(0):
        pytest.fail("two at once")
    with membership.only_one(0):
        pass
